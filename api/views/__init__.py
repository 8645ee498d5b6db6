"""The views of the management API, a file for each subject."""
