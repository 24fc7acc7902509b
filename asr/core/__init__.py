"""Used by all other packages of asr/: params, schemas, files, errors, locks, hashes."""
