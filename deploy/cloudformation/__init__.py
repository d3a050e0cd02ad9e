"""The AWS deployment: CloudFormation templates that are derived from what the capabilities declare (README.md)."""
