"""From a Pulumi program to what people see of it: previews, manifests, deployments."""
