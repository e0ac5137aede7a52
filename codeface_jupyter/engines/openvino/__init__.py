"""The fast engine on CPUs: OpenVINO."""
