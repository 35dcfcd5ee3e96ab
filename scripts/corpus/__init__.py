"""What is run to make the log corpus: one module per group of services."""

from corpus import appliances, cluster, hosts, network, programs, stores, web

MODULES = (web, stores, hosts, network, cluster, appliances, programs)
SERVICES = tuple(service for module in MODULES for service in module.SERVICES)
