/* The groups, in the order of the tables; whether each probe of one needs a box of its own. */
GROUP(files, 0)
GROUP(processes, 0)
GROUP(kernel, 0)
GROUP(network, 0)
GROUP(ipc, 0)
GROUP(secrets, 0)
GROUP(persistence, 0)
GROUP(resources, 1)
