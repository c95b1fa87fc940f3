// node --input-type=module -e PROGRAM -- RUNS FILE_OR_URL...
// How long @huggingface/gguf takes for a header, one JSON line for each.
// The first run is not counted: it compiles.
import { gguf } from "@huggingface/gguf";

const [runs, ...files] = process.argv.slice(1);
for (const file of files) {
  const times = [];
  let header;
  for (let run = 0; run <= Number(runs); run++) {
    const start = process.hrtime.bigint();
    header = await gguf(file, { allowLocalFile: true });
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  const counted = times.slice(1).sort((a, b) => a - b);
  console.log(
    JSON.stringify({
      median_ms: counted[counted.length >> 1] ?? times[0],
      keys: Number(header.metadata.kv_count),
      tensors: header.tensorInfos.length,
      tokens: header.metadata["tokenizer.ggml.tokens"]?.length ?? 0,
    }),
  );
}
