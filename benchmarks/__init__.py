"""Speed compared with other tools: one script a comparison, results as JSON in results/."""
