// Sends a span with an event in it: node main.js emit|connect SOCKET NAME. PROTO is the folder of
// the .proto files.
'use strict';
const {randomBytes} = require('node:crypto');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [verb, socket, name] = process.argv.slice(2);
const proto = process.env.PROTO || `${__dirname}/../../../proto`;
const {Ingest} = grpc.loadPackageDefinition(loader.loadSync('sluice/v1/ingest.proto',
    {includeDirs: [proto], keepCase: true, longs: Number, defaults: true})).sluice.v1;

function records() {
  const ids = {trace_id: randomBytes(16), span_id: randomBytes(8)};
  const now = `${Date.now()}000000`;
  return [
    {kind: 'RECORD_KIND_SPAN_START', target: 'node',
     span: {...ids, name, start_time_unix_nano: now}},
    {target: 'node', event: {...ids, time_unix_nano: now, body: {string_value: `hello from ${name}`}}},
    {kind: 'RECORD_KIND_SPAN_END', span: {...ids, end_time_unix_nano: now}},
  ];
}

function finish(error, count) {
  if (error) throw error;
  console.log(count);
  ingest.close();
}

function emit() {
  // With an id and numbers the call may be made again after a timeout: it is stored once.
  ingest.Emit({client_id: randomBytes(16), batch: {first_sequence: 1, records: records()}},
      {deadline: Date.now() + 10_000}, (error, answer) => finish(error, answer?.accepted));
}

function connect() {
  const stream = ingest.Connect({deadline: Date.now() + 10_000});
  stream.on('error', (error) => { if (error.code !== grpc.status.CANCELLED) throw error; });
  stream.on('data', (answer) => {
    if (answer.ack?.sequence !== 3) return;
    stream.cancel();
    finish(null, answer.ack.sequence);
  });
  stream.write({hello: {protocol_version: 1, client_id: randomBytes(16)}});
  stream.write({batch: {first_sequence: 1, records: records()}});
}

const ingest = new Ingest(`unix:${socket}`, grpc.credentials.createInsecure());
({emit, connect})[verb]();
