"""What the official OpenAI client sees of Loadmaster.

Run by the whole-system tests: `openai_client.py COMMAND URL MODEL`. Each command prints JSON lines, which
the tests check; an exception that is not expected ends the script with its traceback.
"""

import base64
import hashlib
import json
import struct
import sys

import openai

QUESTION = [{"role": "user", "content": "What is the name of France's capital?"}]
STORY = [{"role": "user", "content": "Tell me a very long story about a whale."}]


def tell(**facts):
    """Prints one line of JSON."""
    print(json.dumps(facts), flush=True)


def be_told():
    """Waits for a line from the test."""
    if not sys.stdin.readline():
        raise EOFError("the test has gone")


def models(client, model):
    """The list of models, and one of them."""
    listed = [listed.id for listed in client.models.list()]
    tell(listed=listed, retrieved=client.models.retrieve(model).id)


def chat(client, model):
    """One answer, not streamed."""
    answer = client.chat.completions.create(model=model, messages=QUESTION, temperature=0, max_tokens=16)
    [choice] = answer.choices
    tell(text=choice.message.content, finish=choice.finish_reason, model=answer.model,
         tokens=answer.usage.completion_tokens)


def completion(client, model):
    """The older kind of answer."""
    answer = client.completions.create(model=model, prompt="The capital of France is", temperature=0, max_tokens=4)
    tell(text=answer.choices[0].text)


def stream(client, model):
    """One answer, streamed; its usage comes last, as asked for."""
    texts, finishes, usage = [], [], None
    chunks = client.chat.completions.create(
        model=model, messages=QUESTION, temperature=0, max_tokens=16, stream=True,
        stream_options={"include_usage": True})
    for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            if choice.delta.content:
                texts.append(choice.delta.content)
            if choice.finish_reason:
                finishes.append(choice.finish_reason)
    tell(texts=texts, finishes=finishes, tokens=usage.completion_tokens)


def cancel(client, model):
    """Reads three chunks of a long answer and closes it; asks again when told to."""
    chunks = client.chat.completions.create(
        model=model, messages=STORY, temperature=0, max_tokens=1500, stream=True, extra_body={"ignore_eos": True})
    for _ in range(3):
        next(chunks)
    tell(chunks=3)
    be_told()
    chunks.close()
    tell(closed=True)
    be_told()
    chat(client, model)


def time_out(client, model):
    """Gives up on a long answer that is not streamed."""
    impatient = client.with_options(timeout=0.5, max_retries=0)
    try:
        impatient.chat.completions.create(
            model=model, messages=STORY, temperature=0, max_tokens=1500, extra_body={"ignore_eos": True})
    except openai.APITimeoutError as error:
        tell(error=type(error).__name__)
    be_told()
    chat(client, model)


def unknown(client, model):
    """Asks for a model that there is not."""
    try:
        chat(client, model + "-large")
    except openai.NotFoundError as error:
        tell(status=error.status_code, code=error.code, type=error.type, body=error.body)


def crash(client, model):
    """Reads a long answer whose server is killed by the test; asks again when told to."""
    chunks = client.chat.completions.create(
        model=model, messages=STORY, temperature=0, max_tokens=1500, stream=True, extra_body={"ignore_eos": True})
    next(chunks)
    tell(chunks=1)
    try:
        for _ in chunks:
            pass
        tell(error=None)
    except openai.APIError as error:
        tell(error=type(error).__name__, code=error.code, message=error.message)
    be_told()
    chat(client, model)


def seen(image):
    """The size of a PNG by its header, and a hash of it."""
    file = base64.b64decode(image)
    width, height = struct.unpack(">II", file[16:24])
    return {"width": width, "height": height, "sha256": hashlib.sha256(file).hexdigest()}


def generate(client, model):
    """Two images at once, with fields that are not OpenAI's; and one that is told by its URL."""
    answer = client.images.generate(
        model=model, prompt="a lighthouse", n=2, size="64x64", quality="low", user="a test",
        extra_body={"seed": 7, "steps": 2, "negative_prompt": "a ship"})
    tell(images=[seen(image.b64_json) for image in answer.data], seeds=[image.seed for image in answer.data],
         format=answer.output_format, size=answer.size)
    answer = client.images.generate(
        model=model, prompt="a lighthouse", size="64x64", response_format="url",
        extra_body={"seed": 7, "steps": 2, "negative_prompt": "a ship"})
    with client._client.stream("GET", answer.data[0].url) as file:
        tell(url=seen(base64.b64encode(file.read())))


def edit(client, model):
    """An image of an image, sent as a form."""
    answer = client.images.generate(model=model, prompt="a lighthouse", size="64x64", extra_body={"seed": 7, "steps": 2})
    file = base64.b64decode(answer.data[0].b64_json)
    edited = client.images.edit(
        model=model, image=("a.png", file, "image/png"), prompt="a lighthouse at night", size="64x64",
        extra_body={"seed": 8, "steps": 4, "strength": 0.5})
    tell(before=seen(answer.data[0].b64_json), after=seen(edited.data[0].b64_json))
    several = client.images.edit(
        model=model, image=[("a.png", file, "image/png")], mask=("m.png", file, "image/png"),
        prompt="a lighthouse at night", size="64x64", extra_body={"seed": 8, "steps": 4})
    tell(masked=seen(several.data[0].b64_json))


def generate_stream(client, model):
    """One image, streamed."""
    kinds, last = [], None
    for event in client.images.generate(
            model=model, prompt="a lighthouse", size="64x64", stream=True, partial_images=1,
            extra_body={"seed": 7, "steps": 4}):
        kinds.append(event.type)
        last = event
    tell(kinds=kinds, completed=seen(last.b64_json), size=last.size)


def refused_image(client, model):
    """A size that cannot be."""
    try:
        client.images.generate(model=model, prompt="a lighthouse", size="20000x20000")
    except openai.APIStatusError as error:
        tell(status=error.status_code, code=error.code, param=error.param)


def main():
    command, url, model = sys.argv[1:]
    # A proxy of the environment is for the outside world. A retry would hide an error from the test.
    http = openai.DefaultHttpxClient(trust_env=False)
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=60, http_client=http)
    commands = [models, chat, completion, stream, cancel, time_out, unknown, crash,
                generate, edit, generate_stream, refused_image]
    {command.__name__: command for command in commands}[command](client, model)


if __name__ == "__main__":
    main()
