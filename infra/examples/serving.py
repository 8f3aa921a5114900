"""A service that answers with a model and reports each request to rollguard: an endpoint, and one that streams.

    pip install fastapi uvicorn "rollguard[kafka]"
    uvicorn --factory infra.examples.serving:served

`complete` and `stream` stand for the model: any client with the interface of OpenAI's.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Body, FastAPI
from fastapi.responses import StreamingResponse

from gateway.outlets import KafkaOutlet
from gateway.report import Report
from gateway.reporter import Reporter

Complete = Callable[[str], Awaitable[Any]]
Stream = Callable[[str], AsyncIterator[Any]]


async def reported(report: Report, chunks: AsyncIterator[Any]) -> AsyncIterator[str]:
    """Yield the texts of a streamed answer; report the first token, the tokens and how it ended.

    Ask for `stream_options={"include_usage": True}`, or the number of tokens stays unknown.
    """
    with report:
        async for chunk in chunks:
            if chunk.usage is not None:
                report.tokens(input=chunk.usage.prompt_tokens, output=chunk.usage.completion_tokens)
            for choice in chunk.choices:
                if choice.finish_reason is not None:
                    report.fields["finish_reason"] = choice.finish_reason
                if choice.delta.content:
                    report.first_token()
                    yield choice.delta.content


def app(reporter: Reporter, complete: Complete, stream: Stream, version: str) -> FastAPI:
    """Return the service of one version of a model."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        reporter.close()

    service = FastAPI(lifespan=lifespan)

    @service.post("/complete")
    async def answer(prompt: str = Body(embed=True), user: str = Body(embed=True)) -> dict[str, str]:
        with reporter.request("assistant", version, user_id=user, endpoint="/complete", input=prompt) as report:
            found = await complete(prompt)
            report.tokens(input=found.usage.prompt_tokens, output=found.usage.completion_tokens)
            report.fields["output"] = found.choices[0].message.content
        return {"request_id": report.request_id, "text": report.fields["output"]}

    @service.post("/stream")
    async def streamed(prompt: str = Body(embed=True), user: str = Body(embed=True)) -> StreamingResponse:
        report = reporter.request("assistant", version, user_id=user, endpoint="/stream")
        headers = {"x-request-id": report.request_id}
        return StreamingResponse(reported(report, stream(prompt)), media_type="text/plain", headers=headers)

    @service.post("/thumbs")
    async def thumbs(request_id: str = Body(embed=True), up: bool = Body(embed=True)) -> None:
        reporter.feedback(request_id, "thumbs", 1 if up else 0)

    return service


def served() -> FastAPI:
    """Return the service as it runs: answers of OpenAI, reports to the brokers that KAFKA names."""
    from openai import AsyncOpenAI  # type: ignore[import-not-found]  # noqa: PLC0415  # `pip install openai`.

    client, model = AsyncOpenAI(), os.environ["MODEL"]

    async def complete(prompt: str) -> Any:
        return await client.chat.completions.create(model=model, messages=[{"role": "user", "content": prompt}])

    async def stream(prompt: str) -> AsyncIterator[Any]:
        messages = [{"role": "user", "content": prompt}]
        options = {"include_usage": True}
        async for chunk in await client.chat.completions.create(
            model=model, messages=messages, stream=True, stream_options=options
        ):
            yield chunk

    return app(Reporter(KafkaOutlet(os.environ["KAFKA"])), complete, stream, version=os.environ["VERSION"])
