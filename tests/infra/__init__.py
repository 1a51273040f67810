"""What deploys the application, without an AWS."""
