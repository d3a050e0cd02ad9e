"""Examples of what the platform is for; each uses nothing but its REST API."""
