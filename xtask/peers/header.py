# python -c PROGRAM RUNS FILE...: how long PyPI's gguf takes for a header, one JSON line for each.
import json
import sys
import time

from gguf import GGUFReader

# What the reader puts among the fields without its being a key of the file.
NO_KEYS = {"GGUF.version", "GGUF.tensor_count", "GGUF.kv_count"}

runs, files = int(sys.argv[1]), sys.argv[2:]
for file in files:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        reader = GGUFReader(file)
        times.append((time.perf_counter() - start) * 1e3)
    tokens = reader.fields.get("tokenizer.ggml.tokens")
    print(
        json.dumps(
            {
                "median_ms": sorted(times)[runs // 2],
                "keys": len(reader.fields.keys() - NO_KEYS),
                "tensors": len(reader.tensors),
                "tokens": len(tokens.data) if tokens else 0,
            }
        ),
        flush=True,
    )
