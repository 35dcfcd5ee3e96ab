"""What is run to make the log corpus: one module per group of services."""

from corpus import (
    appliances,
    builds,
    cluster,
    hosts,
    jvm,
    mail,
    names,
    network,
    programs,
    proxies,
    sql,
    stores,
    upkeep,
    web,
)

MODULES = (
    *(web, proxies, sql, stores, hosts, upkeep, mail, names, network),
    *(cluster, appliances, jvm, programs, builds),
)
SERVICES = tuple(service for module in MODULES for service in module.SERVICES)
