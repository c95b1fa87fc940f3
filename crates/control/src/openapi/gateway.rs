//! The gateway's own part of the API, which it has without this crate.

use utoipa::openapi::{
    ContentBuilder, HttpMethod, Object, Paths, Ref, RefOr, Required, ResponseBuilder, Schema,
    path::{Operation, OperationBuilder, ParameterBuilder, ParameterIn},
    request_body::RequestBodyBuilder,
    schema::{ObjectBuilder, Type},
};

use HttpMethod::{Delete, Get, Post, Put};

/// One request that can be made.
struct Asked {
    method: HttpMethod,
    path: &'static str,
    tag: &'static str,
    what: &'static str,
    /// Parameters behind the `?`.
    query: &'static [(&'static str, &'static str)],
    /// What the body is; empty where there is none.
    body: &'static str,
    /// What the answer is, and its status and type.
    answer: (&'static str, &'static str, &'static str),
}

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

const fn get(path: &'static str, tag: &'static str, what: &'static str, answer: &'static str) -> Asked {
    Asked { method: Get, path, tag, what, query: &[], body: "", answer: ("200", JSON, answer) }
}

const fn post(path: &'static str, tag: &'static str, what: &'static str, body: &'static str) -> Asked {
    Asked { method: Post, path, tag, what, query: &[], body, answer: ("200", JSON, "What came of it") }
}

const fn delete(path: &'static str, tag: &'static str, what: &'static str) -> Asked {
    Asked { method: Delete, path, tag, what, query: &[], body: "", answer: ("204", "", "Done") }
}

/// All of them; what is OpenAI's is described there.
const REQUESTS: &[Asked] = &[
    get(
        "/v1/models",
        "openai",
        "Lists the models that can be asked for",
        "OpenAI's list, with each model's state",
    ),
    get("/v1/models/{id}", "openai", "One model that can be asked for", "OpenAI's model, with its state"),
    post("/v1/chat/completions", "openai", "Answers a chat, streamed or not", "As OpenAI has it"),
    post("/v1/completions", "openai", "Completes a text, streamed or not", "As OpenAI has it"),
    post("/v1/embeddings", "openai", "Embeds texts", "As OpenAI has it"),
    post("/v1/responses", "openai", "Answers, streamed or not", "As OpenAI has it"),
    post(
        "/v1/images/generations",
        "openai",
        "Makes images, streamed or not",
        "As OpenAI has it, and more fields",
    ),
    post("/v1/images/edits", "openai", "Changes images", "As OpenAI has it, as a form or as JSON"),
    Asked {
        query: &[("model", "The model of images")],
        ..get(
            "/api/v1/images/capabilities",
            "images",
            "What a model of images can do; loads it",
            "Samplers, limits, ...",
        )
    },
    get("/api/v1/jobs", "images", "Lists jobs, the latest first", "All jobs"),
    Asked {
        answer: ("202", JSON, "The job, and where to look for it"),
        ..post(
            "/api/v1/jobs",
            "images",
            "Submits images that are made while the client is away",
            "{\"kind\": \"image\", \"model\", \"prompt\", ...}",
        )
    },
    get(
        "/api/v1/jobs/{id}",
        "images",
        "One job",
        "Its state, stage, step, fraction, ETA, place in the queue",
    ),
    Asked {
        answer: ("200", JSON, "It was cancelled, or forgotten"),
        ..delete("/api/v1/jobs/{id}", "images", "Cancels a job, or forgets one that has ended")
    },
    post("/api/v1/jobs/{id}/cancel", "images", "Cancels a job, at any moment", ""),
    Asked {
        answer: ("200", EVENTS, "A `snapshot`, then each change; `Last-Event-ID` goes on"),
        ..get("/api/v1/jobs/{id}/events", "images", "What becomes of a job", "")
    },
    get(
        "/api/v1/jobs/{id}/result",
        "images",
        "The images of a job",
        "As `/v1/images/generations` answers, with URLs",
    ),
    Asked {
        answer: ("200", "image/png", "The file"),
        ..get("/api/v1/jobs/{id}/images/{name}", "images", "The file of one image, such as `0.png`", "")
    },
    Asked {
        answer: ("200", "image/png", "What it looks like so far"),
        ..get("/api/v1/jobs/{id}/preview", "images", "The latest preview of a job", "")
    },
    get(
        "/api/v1/instances",
        "instances",
        "Everything that runs, ran last, or crashed and why",
        "The whole status",
    ),
    Asked {
        query: &[("wait", "`true` answers when it is ready, and not at once with 202")],
        ..post(
            "/api/v1/instances/{model}",
            "instances",
            "Starts a model; with settings it is loaded in that way until it is stopped or its configuration changes. The \
             answer is the model's status, and in `change` what came of the settings: `none`, `taken`, `kept` (it runs by \
             the same plan), or `reloads` (it finishes what it answers, and is loaded anew)",
            "Nothing, or {\"settings\": {\"context_length\": 8192}}; null takes a setting away",
        )
    },
    delete(
        "/api/v1/instances/{model}",
        "instances",
        "Stops a model, and forgets the settings that it was started with; answers when its process is gone",
    ),
    get(
        "/api/v1/plan/{model}",
        "instances",
        "What loading a model would take, and who would make room",
        "The plan",
    ),
    post(
        "/api/v1/plan/{model}",
        "instances",
        "The same for other settings, null for what is automatic; changes nothing. A setting that cannot be is refused \
         with `invalid_setting`, and named in `param`",
        "{\"settings\": {\"context_length\": 8192}}",
    ),
    Asked {
        query: &[(
            "topics",
            "States to be told of besides, with commas between them: memory, downloads, jobs, library, builds, logs, \
             settings; each is told whole first, and then as it changes",
        )],
        answer: (
            "200",
            EVENTS,
            "A `snapshot` of the status, then each event with its id and `at_ms`, when it happened in milliseconds \
             since 1970; `Last-Event-ID` goes on, and tells the times again that it told before",
        ),
        ..get("/api/v1/events", "events", "What happens, as server-sent events", "")
    },
    post("/api/v1/reload", "settings", "Reads the configuration again", ""),
    get("/api/v1/budgets", "memory", "What may be taken of each device", "{\"host\": \"12 GiB\"}"),
    Asked {
        method: Put,
        ..post(
            "/api/v1/budgets",
            "memory",
            "Replaces all budgets",
            "{\"host\": \"12 GiB\", \"gpu0\": \"80 %\"}",
        )
    },
    get("/api/v1/holds", "memory", "What is held for other programs", "All holds"),
    Asked {
        query: &[("while", "`connected` holds it as long as the connection is open")],
        ..post(
            "/api/v1/holds",
            "memory",
            "Holds memory for another program",
            "{\"devices\": {\"gpu0\": \"4 GiB\"}}",
        )
    },
    delete("/api/v1/holds/{id}", "memory", "Ends a hold"),
    get("/healthz", "health", "Answers while the program lives", "{\"status\": \"ok\"}"),
    get("/readyz", "health", "Whether requests are taken", "{\"status\": \"ready\"}"),
    Asked {
        answer: ("200", "text/plain", "Figures for Prometheus"),
        ..get("/metrics", "health", "Figures for Prometheus", "")
    },
];

/// The paths of the gateway.
pub(super) fn paths() -> Paths {
    let mut paths = Paths::new();
    for asked in REQUESTS {
        paths.add_path_operation(asked.path, vec![asked.method.clone()], operation(asked));
    }
    paths
}

fn operation(asked: &Asked) -> Operation {
    let (status, media, answer) = asked.answer;
    let mut response = ResponseBuilder::new().description(answer);
    if !media.is_empty() {
        response = response.content(media, ContentBuilder::new().schema(Some(schema(media))).build());
    }
    let refused = ResponseBuilder::new()
        .description("Refused, with a remedy")
        .content(JSON, ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).build());
    let mut operation = OperationBuilder::new()
        .tag(asked.tag)
        .summary(Some(asked.what))
        .response(status, response.build())
        .response("4XX", refused.build());
    let named = asked.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    for name in named {
        operation = operation.parameter(parameter(name, "", ParameterIn::Path));
    }
    for (name, what) in asked.query {
        operation = operation.parameter(parameter(name, what, ParameterIn::Query));
    }
    if !asked.body.is_empty() {
        let content = ContentBuilder::new().schema(Some(schema(JSON))).build();
        let body = RequestBodyBuilder::new().description(Some(asked.body)).content(JSON, content).build();
        operation = operation.request_body(Some(body));
    }
    operation.build()
}

fn parameter(name: &str, what: &str, place: ParameterIn) -> utoipa::openapi::path::Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(name)
        .description(Some(what).filter(|what| !what.is_empty()))
        .parameter_in(place)
        .required(required)
        .schema(Some(Object::with_type(Type::String)))
        .build()
}

fn schema(media: &str) -> RefOr<Schema> {
    let kind = if media == JSON { Type::Object } else { Type::String };
    ObjectBuilder::new().schema_type(kind).build().into()
}
