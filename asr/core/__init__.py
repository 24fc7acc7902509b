"""What every room stands on: params, schemas, files, errors, locks, hashes."""
