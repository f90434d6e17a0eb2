"""Where and how work runs: places, processes, memory, files, configuration, provenance."""
