"""A policy pack of Pulumi with the rules of `policies/`."""
