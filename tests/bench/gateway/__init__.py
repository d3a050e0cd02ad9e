"""The gateway beside LiteLLM and Portkey, all in front of a provider whose answers are fixed: `make bench-gateway`."""
