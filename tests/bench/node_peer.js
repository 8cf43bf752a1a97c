#!/usr/bin/env node
/*
 * What one would write in Node.js: mqtt.js and onnxruntime-node, the autoencoder of the same model file, a threshold.
 *
 * Usage: node_peer.js MODEL PORT [ANSWERS_HZ]
 *        node_peer.js MODEL --check
 *
 * As python_peer.py: the same model files, the same work, the same things left out, the same words on stdout. Both packages are looked
 * for in the directory that ARMWATCH_BENCH_PEERS names (default: build/peers, where ./run bench has npm put them).
 */
"use strict";
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

const EPSILON = 1e-5;
const peers = path.resolve(process.env.ARMWATCH_BENCH_PEERS || path.join(__dirname, "../../build/peers"));
const requirePeer = createRequire(path.join(peers, "package.json"));

function readModel(file) {
  const bytes = fs.readFileSync(file);
  const size = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + size));
  const config = JSON.parse(header.__metadata__.config);
  const kinds = { F32: Float32Array, F64: Float64Array, I64: BigInt64Array };
  const tensor = (name) => {
    const { dtype, shape, data_offsets: [begin, end] } = header[name];
    const copy = bytes.subarray(8 + size + begin, 8 + size + end);
    return { shape, data: new kinds[dtype](copy.buffer.slice(copy.byteOffset, copy.byteOffset + copy.length)) };
  };
  return { config, tensor };
}

/* Dense layers: weight [outputs][inputs], bias, whether a ReLU follows; batch normalisation is folded in. */
function readLayers(detector, tensor) {
  const layers = [];
  for (const half of ["encoder", "decoder"]) {
    detector.architecture[half].forEach((layer, n) => {
      const get = (name) => tensor(`0.${half}.${n}.${name}`).data;
      const last = layers[layers.length - 1];
      if (layer.kind === "dense") {
        const weight = tensor(`0.${half}.${n}.weight`);
        layers.push({ outputs: weight.shape[0], inputs: weight.shape[1], weight: weight.data, bias: get("bias"), rectified: false });
      } else if (layer.kind === "batchnorm") {
        const [gamma, beta, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(get);
        for (let o = 0; o < last.outputs; o++) {
          const factor = gamma[o] / Math.sqrt(variance[o] + EPSILON);
          for (let i = 0; i < last.inputs; i++) last.weight[o * last.inputs + i] *= factor;
          last.bias[o] = (last.bias[o] - mean[o]) * factor + beta[o];
        }
      } else if (layer.kind === "relu") {
        last.rectified = true;
      } else {
        throw new Error(`no layer "${layer.kind}" here`);
      }
    });
  }
  return layers;
}

/* ---- the network as ONNX: field numbers of onnx.proto */

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return Buffer.from([...bytes, value]);
}
const number = (field, value) => Buffer.concat([varint(field * 8), varint(value)]);
const block = (field, bytes) => Buffer.concat([varint(field * 8 + 2), varint(bytes.length), bytes]);
const text = (field, words) => block(field, Buffer.from(words));
const message = (field, ...parts) => block(field, Buffer.concat(parts));

function initializer(name, shape, data) {
  const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return message(5, ...shape.map((size) => number(1, size)), number(2, 1), text(8, name), block(9, raw));
}

function value(field, name, width) {
  const shape = message(2, message(1, text(2, "N")), message(1, number(1, width)));
  return message(field, text(1, name), message(2, message(1, number(1, 1), shape)));
}

function writeOnnx(layers) {
  const graph = [text(2, "network"), value(11, "x", layers[0].inputs), value(12, "y", layers[layers.length - 1].outputs)];
  layers.forEach((layer, n) => {
    const x = n ? `h${n}` : "x";
    const y = n + 1 < layers.length ? `h${n + 1}` : "y";
    const sum = layer.rectified ? `s${n}` : y;
    const transposed = message(5, text(1, "transB"), number(3, 1), number(20, 2));
    graph.push(initializer(`w${n}`, [layer.outputs, layer.inputs], layer.weight), initializer(`b${n}`, [layer.outputs], layer.bias));
    graph.push(message(1, text(1, x), text(1, `w${n}`), text(1, `b${n}`), text(2, sum), text(4, "Gemm"), transposed));
    if (layer.rectified) graph.push(message(1, text(1, sum), text(2, y), text(4, "Relu")));
  });
  return Buffer.concat([number(1, 8), message(8, number(2, 13)), message(7, ...graph)]);
}

/* ---- scores */

async function openModel(file) {
  const ort = requirePeer("onnxruntime-node");
  const { config, tensor } = readModel(file);
  const detector = config.detectors[0];
  const model = {
    window: detector.window, channels: detector.channels, beta: detector.beta, clip: detector.scaler.clip,
    offset: Float32Array.from(tensor("0.scaler.offset").data), scale: Float32Array.from(tensor("0.scaler.scale").data),
    threshold: Math.max(...tensor("0.calibration.maxima").data),
    selftest: { rows: tensor("selftest.input"), scores: tensor("0.selftest.score").data },
  };
  const session = await ort.InferenceSession.create(writeOnnx(readLayers(detector, tensor)), {
    intraOpNumThreads: 1, interOpNumThreads: 1, graphOptimizationLevel: "all",
  });
  const size = model.window * model.channels.length;
  model.score = async (x) => {
    const { y } = await session.run({ x: new ort.Tensor("float32", x, [1, size]) });
    let sum = 0;
    for (let i = 0; i < size; i++) {
      const magnitude = Math.abs(x[i] - y.data[i]);
      const inner = Math.min(magnitude, model.beta);
      sum += (inner * inner * 0.5) / model.beta + (magnitude - inner);
    }
    return sum / size;
  };
  return model;
}

/* The newest rows of one robot, scaled. */
class Window {
  constructor(model) {
    this.model = model;
    this.width = model.channels.length;
    this.rows = new Float32Array(model.window * this.width);
    this.count = 0;
  }

  push(values) {
    const { channels, offset, scale, clip } = this.model;
    this.rows.copyWithin(0, this.width);
    const at = this.rows.length - this.width;
    for (let c = 0; c < this.width; c++)
      this.rows[at + c] = Math.min(Math.max((values[channels[c]] - offset[c]) * scale[c], -clip), clip);
    return ++this.count >= this.model.window;
  }
}

async function check(model) {
  const { rows, scores } = model.selftest;
  const window = new Window(model);
  let worst = 0, n = 0;
  for (let r = 0; r < rows.shape[0]; r++) {
    if (!window.push(rows.data.subarray(r * rows.shape[1], (r + 1) * rows.shape[1]))) continue;
    const score = await model.score(window.rows.slice());
    worst = Math.max(worst, Math.abs(score - scores[n]) / scores[n]);
    n++;
  }
  console.log(`${n} scores, largest relative difference ${worst.toPrecision(2)}`);
  if (n !== scores.length || !(worst < 1e-3)) {
    console.error("node_peer: these are not the model's scores");
    process.exit(1);
  }
}

function readSample(payload) {
  if (payload[0] !== 0xa1) {
    const { seq, values } = JSON.parse(payload.toString());
    return { seq, values };
  }
  const bytes = payload.buffer.slice(payload.byteOffset + 24, payload.byteOffset + payload.length);
  return { seq: Number(payload.readBigUInt64LE(16)), values: new Float32Array(bytes) };
}

function consume(model, port, answersHz) {
  const mqtt = requirePeer("mqtt");
  const client = mqtt.connect({ host: "127.0.0.1", port, protocolVersion: 5, clientId: "bench-node" });
  const windows = new Map();
  let received = 0, alarms = 0, answered = 0;
  client.on("connect", () => {
    client.stream.setNoDelay(true);
    client.subscribe("armwatch/robot/+/sample", { qos: 0 }, () => console.log("ready"));
  });
  client.on("message", async (topic, payload) => {
    received++;
    const { seq, values } = readSample(payload);
    let window = windows.get(topic);
    if (!window) windows.set(topic, (window = new Window(model)));
    if (!window.push(values)) return;
    const score = await model.score(window.rows.slice());
    if (score > model.threshold) alarms++;
    const now = performance.now();
    if (answersHz < 0 || (answersHz > 0 && ((now - answered) * answersHz) / 1e3 >= 1)) {
      answered = now;
      client.publish(topic.slice(0, -"sample".length) + "score", JSON.stringify({ seq, score }));
    }
  });
  process.on("SIGTERM", () => {
    fs.writeSync(1, `${received}\n`);
    process.exit(0);
  });
}

async function main() {
  const [file, port, answersHz] = process.argv.slice(2);
  const model = await openModel(file);
  if (port === "--check") await check(model);
  else consume(model, Number(port), Number(answersHz || 0));
}

main().catch((error) => {
  console.error(`node_peer: ${error.message}`);
  process.exit(1);
});
