"""The expected outcomes of other projects' recordings, which lie beside the checkout."""

from standby.plugin import Finish, Kind
from tests.oracles.expected import ExpectedFailure as Failure
from tests.oracles.expected import ExpectedReply as Reply

OTHERS: dict[str, Reply | Failure] = {
    "crewai/TestAgentMultimodalGemini.test_mixed_files[gemini-gemini-2.0-flash].yaml#0": Reply(
        "gemini", "I see a line graph title", (1454, 100, 0), "gemini-2.0-flash", size=303
    ),
    "crewai/TestAgentMultimodalGemini.test_mixed_files[gemini-gemini-2.0-flash].yaml#1": Failure(
        "gemini", Kind.RATE_LIMITED, 429, "RESOURCE_EXHAUSTED"
    ),
    "crewai/test_llm_call_with_error.yaml#0": Failure(
        "chat", Kind.MODEL_MISSING, 404, "model_not_found"
    ),
    "crewai/test_o3_mini_reasoning_effort_low.yaml#0": Reply(
        "chat", "The capital of France is Paris.", (13, 17, 0), "o3-mini-2025-01-31"
    ),
    "fantasy/TestGoogleCommon/gemini-2.5-pro/multi_tool_streaming.yaml#0": Reply(
        "gemini",
        "",
        (121, 229, 193),
        "gemini-2.5-pro",
        chunks=0,
        calls=(("add", {"a": 2, "b": 3}), ("multiply", {"a": 2, "b": 3})),
        signed=("CiQBvj72", ""),
    ),
    "fantasy/TestGoogleCommon/gemini-2.5-pro/multi_tool_streaming.yaml#1": Reply(
        "gemini", "The sum of 2 and 3 is 5.", (374, 24, 0), "gemini-2.5-pro", size=54, chunks=3
    ),
    "fantasy/TestGoogleCommon/gemini-2.5-pro/simple_streaming.yaml#0": Reply(
        "gemini", "Of course!\n\nThe most com", (11, 652, 603), "gemini-2.5-pro", size=165, chunks=3
    ),
    "fantasy/TestGoogleObjectGeneration/gemini-2.5-pro/simple_object_streaming.yaml#0": Reply(
        "gemini", '{\n  "age": 30,\n  "city":', (20, 71, 43), "gemini-2.5-pro", size=53, chunks=2
    ),
    "fantasy/TestOpenAICommon/openai-o4-mini/simple_streaming.yaml#0": Reply(
        "chat", "Olá!", (19, 84, 64), "o4-mini-2025-04-16", chunks=2
    ),
    "fantasy/TestOpenAICommon/openai-o4-mini/tool_streaming.yaml#0": Reply(
        "chat",
        "",
        (64, 89, 64),
        "o4-mini-2025-04-16",
        chunks=0,
        calls=(("weather", {"location": "Florence, Italy"}),),
    ),
    "fantasy/TestOpenAICommon/openai-o4-mini/tool_streaming.yaml#1": Reply(
        "chat", "The current temperature ", (95, 24, 0), "o4-mini-2025-04-16", size=51, chunks=12
    ),
    "fantasy/TestOpenAIResponsesCommon/openai-o4-mini/tool_streaming.yaml#0": Reply(
        "responses",
        "",
        (60, 210, 128),
        "o4-mini-2025-04-16",
        chunks=0,
        calls=(("weather", {"location": "Florence, Italy"}),),
    ),
    "fantasy/TestOpenAIResponsesCommon/openai-o4-mini/tool_streaming.yaml#1": Reply(
        "responses",
        "The current temperature ",
        (89, 55, 0),
        "o4-mini-2025-04-16",
        size=231,
        chunks=51,
    ),
    "llm-gemini/test_prompt_with_pydantic_schema.yaml#0": Reply(
        "gemini",
        '{"name":"Zephyr The Rock',
        (5, 503, 453),
        "gemini-3.6-flash",
        size=189,
        chunks=4,
        thought="**Defining the",
        provider_state="EsIPCr8P",
    ),
    "llm-gemini/test_tools_with_nested_pydantic_models.yaml#0": Reply(
        "gemini",
        "",
        (201, 234, 183),
        "gemini-3.6-flash",
        chunks=0,
        calls=(
            (
                "add_person",
                {
                    "address": {
                        "street": "123 Main St",
                        "city": "San Francisco",
                        "zipcode": "94102",
                    },
                    "age": 30,
                    "name": "Alice",
                },
            ),
        ),
        signed=("EsYFCsMF",),
    ),
    "llm-gemini/test_tools_with_nested_pydantic_models.yaml#1": Reply(
        "gemini",
        "Alice (age 30) living at",
        (467, 47, 13),
        "gemini-3.6-flash",
        size=106,
        chunks=2,
        provider_state="EoEBCn8B",
    ),
    "logfire/test_instrument_google_genai.yaml#0": Reply(
        "gemini",
        "",
        (42, 9, 0),
        "gemini-2.0-flash-001",
        calls=(("get_current_weather", {"location": "Boston, MA"}),),
    ),
    "logfire/test_instrument_google_genai.yaml#1": Reply(
        "gemini", "It is rainy in Boston, MA.\n", (58, 9, 0), "gemini-2.0-flash-001"
    ),
    "pydantic-ai/test_cancel_recorded_provider_stream[google].yaml#0": Reply(
        "gemini", "Paris", (6, 36, 35), "gemini-2.5-flash", chunks=1
    ),
    "pydantic-ai/test_google_model.yaml#0": Reply(
        "gemini", "Hello! How can I help you today?", (9, 43, 34), "gemini-2.5-flash"
    ),
    "pydantic-ai/test_google_model_armor_prompt_template_text_gets_blocked.yaml#1": Failure(
        "vertex", Kind.BLOCKED, 200, "MODEL_ARMOR", message="Prompt Injection"
    ),
    "pydantic-ai/test_google_model_empty_assistant_response.yaml#0": Reply(
        "gemini", "As an AI, I don't retain", (10, 818, 699), "gemini-2.5-flash", size=572
    ),
    "pydantic-ai/test_google_model_iter_stream.yaml#0": Reply(
        "gemini",
        "",
        (52, 5, 0),
        "gemini-2.0-flash",
        chunks=0,
        calls=(("get_capital", {"country": "France"}),),
    ),
    "pydantic-ai/test_google_model_iter_stream.yaml#1": Reply(
        "gemini",
        "",
        (64, 5, 0),
        "gemini-2.0-flash",
        chunks=0,
        calls=(("get_temperature", {"city": "Paris"}),),
    ),
    "pydantic-ai/test_google_model_iter_stream.yaml#2": Reply(
        "gemini", "The temperature in Paris is 30°C.\n", (79, 12, 0), "gemini-2.0-flash", chunks=2
    ),
    "pydantic-ai/test_google_model_max_tokens.yaml#0": Reply(
        "gemini", "The capital of France is", (15, 5, 0), "gemini-2.5-flash", finish=Finish.LENGTH
    ),
    "pydantic-ai/test_google_model_max_tokens_thinking_model_empty_response.yaml#0": Failure(
        "gemini", Kind.EMPTY, 200, "MAX_TOKENS"
    ),
    "pydantic-ai/test_google_model_safety_settings.yaml#0": Failure(
        "gemini", Kind.BLOCKED, 200, "SAFETY"
    ),
    "pydantic-ai/test_google_model_stream.yaml#0": Reply(
        "gemini", "The capital of France is Paris.\n", (13, 8, 0), "gemini-2.0-flash-exp", chunks=3
    ),
    "pydantic-ai/test_google_model_thinking_part_iter.yaml#0": Reply(
        "gemini",
        "This is a great question",
        (34, 1256, 787),
        "gemini-2.5-pro",
        size=1938,
        chunks=23,
        thought="**Clarifying U",
        provider_state="CiIB0e2K",
    ),
    "pydantic-ai/test_google_native_output.yaml#0": Reply(
        "gemini", '{\n  "city": "Mexico City', (8, 20, 0), "gemini-2.0-flash", size=50
    ),
    "pydantic-ai/test_google_recursive_schema_native_output_gemini_2_5.yaml#0": Reply(
        "gemini", '{"value":"A","children":', (20, 199, 183), "gemini-2.5-flash", size=54
    ),
    "pydantic-ai/test_google_streaming_tool_call_thought_signature.yaml#0": Reply(
        "gemini",
        "",
        (29, 212, 202),
        "gemini-3-pro-preview",
        chunks=0,
        calls=(("get_country", {}),),
        signed=("EpwICpkI",),
    ),
    "pydantic-ai/test_google_streaming_tool_call_thought_signature.yaml#1": Reply(
        "gemini", "The capital of Mexico is", (257, 8, 0), "gemini-3-pro-preview", size=37, chunks=2
    ),
    "pydantic-ai/test_google_timeout.yaml#0": Reply(
        "gemini", "Hello there! How can I h", (2, 11, 0), "gemini-1.5-flash", size=39
    ),
    "pydantic-ai/test_google_tool_config_any_with_tool_without_args.yaml#0": Reply(
        "gemini", "", (21, 1, 0), "gemini-2.0-flash", calls=(("bar", {}),)
    ),
    "pydantic-ai/test_google_tool_config_any_with_tool_without_args.yaml#1": Reply(
        "gemini", "", (27, 5, 0), "gemini-2.0-flash", calls=(("final_result", {"bar": "hello"}),)
    ),
    "pydantic-ai/test_google_url_input[ImageUrl].yaml#0": Reply(
        "vertex", "The URL's main content i", (2589, 33, 0), "gemini-2.0-flash", size=173
    ),
    "pydantic-ai/test_google_vertex_logprobs.yaml#0": Reply(
        "vertex", "2 + 2 = 4", (7, 80, 73), "gemini-2.5-flash"
    ),
    "pydantic-ai/test_max_completion_tokens[o3-mini].yaml#0": Reply(
        "chat", "Hello there! How can I h", (7, 87, 64), "o3-mini-2025-01-31", size=38
    ),
    "pydantic-ai/test_model_name_suggestion[anthropic].yaml#0": Failure(
        "anthropic", Kind.MODEL_MISSING, 404, "not_found_error"
    ),
    "pydantic-ai/test_model_name_suggestion[openai-chat].yaml#0": Failure(
        "chat", Kind.MODEL_MISSING, 404, "model_not_found"
    ),
    "pydantic-ai/test_multimodal_tool_return_matrix[direct-url-image-google_vertex].yaml#0": Reply(
        "vertex",
        "",
        (22, 312, 303),
        "gemini-3-flash-preview",
        calls=(("get_file", {"type": "IMAGE"}),),
        signed=("CtAJAY89",),
    ),
    "pydantic-ai/test_multimodal_tool_return_matrix[direct-url-image-google_vertex].yaml#1": Reply(
        "vertex",
        "",
        (102, 198, 191),
        "gemini-3-flash-preview",
        calls=(("get_file", {}),),
        signed=("CooCAY89",),
    ),
    (
        "pydantic-ai/test_multimodal_tool_return_matrix[direct-url-image-google_vertex].yaml#2"
    ): Failure("vertex", Kind.INVALID_REQUEST, 400, "INVALID_ARGUMENT"),
    "pydantic-ai/test_openai_model_thinking_part.yaml#0": Reply(
        "responses",
        "I'm happy to help. When ",
        (13, 1915, 1600),
        "o3-mini-2025-01-31",
        size=1501,
        thought="**Emphasizing ",
        provider_state='[{"type"',
    ),
    "pydantic-ai/test_openai_model_thinking_part.yaml#1": Reply(
        "chat", "When it comes to crossin", (577, 2320, 1792), "o3-mini-2025-01-31", size=2496
    ),
    "pydantic-ai/test_openai_model_without_system_prompt.yaml#0": Reply(
        "chat", "That's right—I am a pota", (11, 809, 768), "o3-mini-2025-01-31", size=121
    ),
    "pydantic-ai/test_openai_native_output.yaml#0": Reply(
        "chat", "", (71, 12, 0), "gpt-4o-2024-08-06", calls=(("get_user_country", {}),)
    ),
    "pydantic-ai/test_openai_native_output.yaml#1": Reply(
        "chat", '{"city":"Mexico City","c', (92, 15, 0), "gpt-4o-2024-08-06", size=41
    ),
    "pydantic-ai/test_openai_o1_mini_system_role[developer].yaml#0": Failure(
        "chat", Kind.UNSUPPORTED, 400, "unsupported_value"
    ),
    "pydantic-ai/test_openai_o1_mini_system_role[system].yaml#0": Failure(
        "chat", Kind.UNSUPPORTED, 400, "unsupported_value"
    ),
    "pydantic-ai/test_openai_responses_model_http_error.yaml#0": Failure(
        "responses", Kind.INVALID_REQUEST, 400, "decimal_below_min_value"
    ),
    "pydantic-ai/test_openai_responses_thinking_part_iter.yaml#0": Reply(
        "responses",
        "I'm not a road safety pr",
        (13, 1680, 1408),
        "o3-mini-2025-01-31",
        size=1251,
        chunks=654,
        thought="**Providing st",
        provider_state='[{"type"',
    ),
    "pydantic-ai/test_reasoning_model_with_temperature.yaml#0": Reply(
        "chat", "The capital of Mexico is", (13, 238, 192), "o3-mini-2025-01-31", size=161
    ),
    "pydantic-ai/test_run_stream_sync_streams_real_model.yaml#0": Reply(
        "chat",
        "",
        (53, 15, 0),
        "gpt-4o-mini-2024-07-18",
        chunks=0,
        calls=(("get_capital", {"country": "UK"}),),
    ),
    "pydantic-ai/test_run_stream_sync_streams_real_model.yaml#1": Reply(
        "chat", "The capital of the UK is London.", (78, 9, 0), "gpt-4o-mini-2024-07-18", chunks=8
    ),
    "pydantic-ai/test_stop_settings[openai].yaml#0": Reply(
        "chat", "The capital of France is ", (31, 467, 448), "o3-mini-2025-01-31"
    ),
    "vercel-ai/google-429-retry-info.json": Failure(
        "gemini", Kind.RATE_LIMITED, 429, "RESOURCE_EXHAUSTED", retry_after=34.4
    ),
    "vercel-ai/google-tool-call.chunks.txt": Reply(
        "gemini",
        "",
        (29, 60, 45),
        "gemini-3-pro-preview",
        chunks=0,
        calls=(("weather", {"location": "San Francisco"}),),
        signed=("EqUCCqIC",),
    ),
    "vercel-ai/openai-error.1.json": Failure(
        "chat", Kind.QUOTA_EXHAUSTED, 429, "insufficient_quota"
    ),
    "vercel-ai/openai-text.chunks.txt": Reply(
        "chat",
        "**Holiday Name:** Harmon",
        (16, 300, 0),
        "gpt-4.1-nano-2025-04-14",
        size=1724,
        chunks=300,
    ),
    "vercel-ai/reasoning-model-legacy-parameter-error.json": Failure(
        "chat", Kind.UNSUPPORTED, 400, "unsupported_parameter"
    ),
    "vercel-ai/reasoning-model-temperature-error.json": Failure(
        "chat", Kind.UNSUPPORTED, 400, "invalid_request_error"
    ),
    "vertexai-sdk-test-data/googleai/streaming-failure-prompt-blocked-safety.txt": Failure(
        "gemini", Kind.BLOCKED, 200, "SAFETY"
    ),
    "vertexai-sdk-test-data/googleai/streaming-success-no-content-parts.txt": Reply(
        "gemini",
        "I will generate a 3D ren",
        (34, 1370, 0),
        "gemini-2.0-flash-preview-image-generation",
        size=419,
        chunks=4,
    ),
    (
        "vertexai-sdk-test-data/googleai/"
        "streaming-success-thinking-function-call-thought-summary-signature.txt"
    ): Reply(
        "gemini",
        "",
        (38, 174, 168),
        "gemini-2.5-flash",
        chunks=2,
        calls=(("now", {}),),
        signed=("CiIBVKhc",),
        thought="**Calculating ",
    ),
    "vertexai-sdk-test-data/googleai/unary-failure-api-key.json": Failure(
        "gemini", Kind.UNAUTHORIZED, 400, "INVALID_ARGUMENT"
    ),
    "vertexai-sdk-test-data/googleai/unary-failure-unknown-model.json": Failure(
        "gemini", Kind.MODEL_MISSING, 404, "NOT_FOUND"
    ),
    "vertexai-sdk-test-data/googleai/unary-failure-with-message-no-content.json": Failure(
        "gemini", Kind.MALFORMED, 200, "OTHER", message="due to internal error"
    ),
    "vertexai-sdk-test-data/vertexai/streaming-failure-empty-content.txt": Failure(
        "vertex", Kind.MALFORMED, 200, None, message="no finishReason"
    ),
    "vertexai-sdk-test-data/vertexai/streaming-failure-error-mid-stream.txt": Failure(
        "vertex",
        Kind.SERVER_ERROR,
        499,
        "CANCELLED",
        text="First Second ",
        message="The operation was cancelled",
    ),
    "vertexai-sdk-test-data/vertexai/streaming-failure-image-rejected.txt": Failure(
        "vertex", Kind.INVALID_REQUEST, 400, "INVALID_ARGUMENT"
    ),
    "vertexai-sdk-test-data/vertexai/unary-failure-finish-reason-safety-no-content.json": Failure(
        "vertex", Kind.BLOCKED, 200, "SAFETY"
    ),
    "vertexai-sdk-test-data/vertexai/unary-failure-prompt-blocked-safety.json": Failure(
        "vertex", Kind.BLOCKED, 200, "SAFETY"
    ),
    "vertexai-sdk-test-data/vertexai/unary-failure-unknown-enum-finish-reason.json": Failure(
        "vertex", Kind.MALFORMED, 200, "FAKE_NEW_FINISH_REASON"
    ),
    "vertexai-sdk-test-data/vertexai/unary-failure-unsupported-user-location.json": Failure(
        "vertex", Kind.UNAUTHORIZED, 400, "FAILED_PRECONDITION"
    ),
}
"""The expected outcome by file, or by a cassette's file and the number of the interaction."""
