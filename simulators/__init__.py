"""What stands in for the cloud, and for the cluster, on a developer's machine."""
