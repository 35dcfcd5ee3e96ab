"""What is run to make the log corpus: one module per group of services."""

from corpus import (
    appliances,
    balancers,
    builds,
    cluster,
    daemons,
    disks,
    feeds,
    gateways,
    hosts,
    hpc,
    httpd,
    jvm,
    kernel,
    logins,
    mail,
    membership,
    names,
    network,
    nginx,
    pgbouncer,
    postgres,
    programs,
    proxies,
    registries,
    sql,
    storage,
    stores,
    upkeep,
)

MODULES = (
    *(nginx, httpd, proxies, balancers, gateways),
    *(postgres, pgbouncer, sql, stores, registries),
    *(hosts, kernel, disks, upkeep, mail, names, network, logins, daemons, feeds),
    *(hpc, storage, membership, cluster, appliances, jvm, programs, builds),
)
SERVICES = tuple(service for module in MODULES for service in module.SERVICES)
