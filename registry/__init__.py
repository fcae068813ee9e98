"""Who is on the network (the registry), and the broadcast of searches to them (the gateway)."""
