"""An AI agent's run with all its kinds of spans, below a span of the application's own: what
client/examples/agent_trace.cc makes, from Python.

    SLUICE_CONSOLE=1 python3 agent_trace.py
"""

import asyncio
import json
import sys
import time
import uuid

import sluice


def agent_span(name, attributes=None, target=None):
    return sluice.span(name, attributes, target=f"vllora::user_tracing::{target or name}")


def compact(value):
    return json.dumps(value, separators=(",", ":"))


async def run_tool():
    with agent_span("tool", {"vllora.tool_name": "search_web",
                             "tags": json.dumps({"tool_type": "function"})}) as tool:
        tool.set(input="search query: Paris")
        await asyncio.to_thread(time.sleep, 0.05)
        tool.set(output="Search results...")


async def call_openai():
    messages = [{"role": "user", "content": "Hello"}]
    with agent_span("openai", {"tags": json.dumps({"provider": "openai"})}) as openai:
        openai.set(
            retries_left=0,
            request=compact({"messages": messages, "model": "gpt-4o-mini", "stream": True,
                             "stream_options": {"include_usage": True}}),
            input=compact(messages),
            usage=compact({
                "input_tokens": 8, "output_tokens": 9, "total_tokens": 17,
                "prompt_tokens_details": {
                    "cached_tokens": 0, "cache_creation_tokens": 0, "audio_tokens": 0},
                "completion_tokens_details": {
                    "accepted_prediction_tokens": 0, "audio_tokens": 0, "reasoning_tokens": 0,
                    "rejected_prediction_tokens": 0},
                "is_cache_used": False}),
            raw_usage=compact({
                "prompt_tokens": 8, "completion_tokens": 9, "total_tokens": 17,
                "prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": 0},
                "completion_tokens_details": {
                    "accepted_prediction_tokens": 0, "audio_tokens": 0, "reasoning_tokens": 0,
                    "rejected_prediction_tokens": 0}}),
            cost=6.600000262260437e-06,
            output=compact({"object": "chat.completion", "choices": [{"index": 0, "message": {
                "content": "Hello! How can I assist you today?", "role": "assistant"}}]}))
        await asyncio.to_thread(time.sleep, 0.1)
        sluice.current_span().set(ttft=843129)
        await run_tool()


async def call_model():
    model = {"name": "gpt-4", "provider_name": "openai", "engine_name": "openai",
             "model_params": {"engine": {"OpenAi": {"params": {"temperature": 0.7}}},
                              "provider_name": "openai"},
             "model_name": "gpt-4", "tools": [], "model_type": "completions"}
    with agent_span("model_call", {
            "input": "{}", "model": compact(model), "provider_name": "openai",
            "model_name": "gpt-4", "inference_model_name": "gpt-4",
            "credentials_identifier": "own",
            "tags": json.dumps({"model_type": "completion"})}, target="models") as call:
        call.set(input="What is the capital of France?", output="The capital of France is Paris.",
                 usage=json.dumps({"input_tokens": 10, "output_tokens": 8, "total_tokens": 18}),
                 cost=compact({"cost": 0.000301, "per_input_token": 1.0,
                               "per_cached_input_token": 0.5, "per_cached_input_write_token": 0.0,
                               "per_output_token": 3.0, "is_cache_used": False}),
                 ttft=150)
        await call_openai()


async def run():
    with (agent_span("run", {"tags": json.dumps({"environment": "example"})}),
          agent_span("agent", {"vllora.agent_name": "research_assistant"}),
          agent_span("task", {"vllora.task_name": "gather_information"}),
          agent_span("api_invoke", {"tags": json.dumps({"user_id": "user123",
                                                        "session_id": "session456"})})):
        await call_model()


def main():
    sluice.init(service_name="agent_trace", baggage_keys="vllora.*")
    sluice.set_baggage("vllora.run_id", uuid.uuid4().hex)
    sluice.set_baggage("vllora.thread_id", uuid.uuid4().hex)
    sluice.set_baggage("vllora.tenant", "default")
    with sluice.span("execution", execution_id=123, target="app::runtime::execution"):
        asyncio.run(run())
    return 0 if sluice.flush(0.5) else 1


if __name__ == "__main__":
    sys.exit(main())
