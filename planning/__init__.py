"""Planning: what a load costs and meets on AWS, reckoned and simulated."""
