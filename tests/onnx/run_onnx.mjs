// run_onnx.mjs ONNX_FILE: what ONNX Runtime makes of rows on stdin, [[...], ...] as JSON, on stdout as JSON:
// {"input": {"name": ..., "shape": [...]}, "outputs": {NAME: {"dims": [...], "data": [...]}}}.
// ONNXRUNTIME names the directory of npm's package.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const ort = createRequire(import.meta.url)(process.env.ONNXRUNTIME);
const options = { executionProviders: ['cpu'], intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };
const session = await ort.InferenceSession.create(process.argv[2], options);
const rows = JSON.parse(readFileSync(0, 'utf8'));
const values = Float32Array.from(rows.flat(Infinity));
const name = session.inputNames[0];
const shape = process.argv[3] ? JSON.parse(process.argv[3]) : [rows.length, values.length / rows.length];
const outputs = await session.run({ [name]: new ort.Tensor('float32', values, shape) });
const numbers = (tensor) => Array.from(tensor.data, (value) => Number(value));
console.log(JSON.stringify({
  input: name,
  outputs: Object.fromEntries(Object.entries(outputs).map(([key, tensor]) => [key, { dims: tensor.dims, data: numbers(tensor) }])),
}));
