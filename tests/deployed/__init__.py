"""The application after a real `chalice deploy`: on an emulated AWS, or wherever `--url` says."""
