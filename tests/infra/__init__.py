"""Tests of the deployment, without an AWS."""
