//! An AI agent's run with all its kinds of spans, below a span of the application's own: what
//! client/examples/agent_trace.cc makes, by tracing. Each task goes on on any of two threads.
use std::{hash::BuildHasher, process::ExitCode, time::Duration};

use tokio::time::sleep;
use tracing::{field::Empty, info_span, Instrument, Span};
use tracing_sluice::Context;
use tracing_subscriber::prelude::*;

const MODEL: &str = r#"{"name":"gpt-4","provider_name":"openai","engine_name":"openai","model_params":{"engine":{"OpenAi":{"params":{"temperature":0.7}}},"provider_name":"openai"},"model_name":"gpt-4","tools":[],"model_type":"completions"}"#;
const MODEL_COST: &str = r#"{"cost":0.000301,"per_input_token":1.0,"per_cached_input_token":0.5,"per_cached_input_write_token":0.0,"per_output_token":3.0,"is_cache_used":false}"#;
const MODEL_USAGE: &str = r#"{"input_tokens": 10, "output_tokens": 8, "total_tokens": 18}"#;
const REQUEST: &str = r#"{"messages":[{"role":"user","content":"Hello"}],"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true}}"#;
const USAGE: &str = r#"{"input_tokens":8,"output_tokens":9,"total_tokens":17,"prompt_tokens_details":{"cached_tokens":0,"cache_creation_tokens":0,"audio_tokens":0},"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0},"is_cache_used":false}"#;
const RAW_USAGE: &str = r#"{"prompt_tokens":8,"completion_tokens":9,"total_tokens":17,"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0},"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0}}"#;
const OUTPUT: &str = r#"{"object":"chat.completion","choices":[{"index":0,"message":{"content":"Hello! How can I assist you today?","role":"assistant"}}]}"#;

async fn run_tool() {
    let span = Span::current();
    span.record("input", "search query: Paris");
    sleep(Duration::from_millis(50)).await;
    span.record("output", "Search results...");
}

async fn call_openai() {
    let span = Span::current();
    span.record("request", REQUEST);
    span.record("input", r#"[{"role":"user","content":"Hello"}]"#);
    span.record("usage", USAGE);
    span.record("raw_usage", RAW_USAGE);
    span.record("cost", 6.600000262260437e-06);
    span.record("output", OUTPUT);
    sleep(Duration::from_millis(100)).await;
    Span::current().record("ttft", 843129);
    let tool = info_span!(
        target: "vllora::user_tracing::tool", "tool", vllora.tool_name = "search_web",
        tags = r#"{"tool_type": "function"}"#, input = Empty, output = Empty
    );
    tokio::spawn(run_tool().instrument(tool)).await.unwrap();
}

async fn call_model() {
    let span = Span::current();
    span.record("input", "What is the capital of France?");
    span.record("output", "The capital of France is Paris.");
    span.record("usage", MODEL_USAGE);
    span.record("cost", MODEL_COST);
    span.record("ttft", 150);
    let openai = info_span!(
        target: "vllora::user_tracing::openai", "openai", tags = r#"{"provider": "openai"}"#,
        retries_left = 0, request = Empty, input = Empty, output = Empty, error = Empty,
        usage = Empty, raw_usage = Empty, ttft = Empty, cost = Empty
    );
    tokio::spawn(call_openai().instrument(openai)).await.unwrap();
}

async fn run() {
    let run = info_span!(
        target: "vllora::user_tracing::run", "run", tags = r#"{"environment": "example"}"#
    );
    let agent = info_span!(
        target: "vllora::user_tracing::agent", parent: &run, "agent",
        vllora.agent_name = "research_assistant"
    );
    let task = info_span!(
        target: "vllora::user_tracing::task", parent: &agent, "task",
        vllora.task_name = "gather_information"
    );
    let invoke = info_span!(
        target: "vllora::user_tracing::api_invoke", parent: &task, "api_invoke",
        tags = r#"{"user_id": "user123", "session_id": "session456"}"#, usage = Empty
    );
    let call = info_span!(
        target: "vllora::user_tracing::models", parent: &invoke, "model_call", input = "{}",
        model = MODEL, provider_name = "openai", model_name = "gpt-4",
        inference_model_name = "gpt-4", credentials_identifier = "own",
        tags = r#"{"model_type": "completion"}"#, output = Empty, usage = Empty, cost = Empty,
        ttft = Empty
    );
    tokio::spawn(call_model().instrument(call)).await.unwrap();
}

fn random_id() -> String {
    let random = || std::collections::hash_map::RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", random(), random())
}

fn main() -> ExitCode {
    let options = tracing_sluice::Options {
        service_name: Some("agent_trace".into()),
        baggage_keys: Some("vllora.*".into()),
        ..Default::default()
    };
    assert!(options.init());
    tracing_subscriber::registry().with(tracing_sluice::layer()).init();
    let baggage = Context::default()
        .with_baggage("vllora.run_id", &random_id())
        .with_baggage("vllora.thread_id", &random_id())
        .with_baggage("vllora.tenant", "default");
    let execution = {
        let _attached = baggage.attach();
        info_span!(target: "app::runtime::execution", "execution", execution_id = 123)
    };
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap()
        .block_on(run().instrument(execution));
    ExitCode::from(u8::from(!tracing_sluice::flush(Duration::from_millis(500))))
}
