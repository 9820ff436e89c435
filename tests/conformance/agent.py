"""An agent on the Python SDK, for tests/conformance.rs: it echoes, asks for permission, waits, and replays."""

import asyncio

from acp import (
    PROTOCOL_VERSION,
    Agent,
    InitializeResponse,
    LoadSessionResponse,
    NewSessionResponse,
    PromptResponse,
    run_agent,
    start_tool_call,
    update_agent_message_text,
    update_user_message_text,
)
from acp.schema import AgentCapabilities, Implementation, PermissionOption, ToolCallUpdate


class Conformance(Agent):
    def on_connect(self, conn):
        self.client = conn
        self.cancelled = asyncio.Event()

    async def initialize(self, protocol_version, **_):
        return InitializeResponse(
            protocol_version=PROTOCOL_VERSION,
            agent_capabilities=AgentCapabilities(load_session=True),
            agent_info=Implementation(name="conformance", version="1"),
        )

    async def new_session(self, **_):
        return NewSessionResponse(session_id="new")

    async def load_session(self, session_id, **_):
        await self.client.session_update(session_id, update_user_message_text("an old question"))
        await self.client.session_update(session_id, update_agent_message_text("an old answer"))
        return LoadSessionResponse()

    async def say(self, session_id, text):
        await self.client.session_update(session_id, update_agent_message_text(text))

    async def prompt(self, session_id, prompt, **_):
        text = prompt[0].text
        if text == "ask":
            await self.say(session_id, await self.ask(session_id))
        elif text == "wait":
            await self.say(session_id, "waiting")
            await self.cancelled.wait()
            return PromptResponse(stop_reason="cancelled")
        else:
            await self.say(session_id, "You said ")
            await self.say(session_id, f"{text}.")
        return PromptResponse(stop_reason="end_turn")

    async def ask(self, session_id):
        call = start_tool_call("call", "List", kind="execute", status="pending", raw_input={"command": "ls"})
        await self.client.session_update(session_id, call)
        answer = await self.client.request_permission(
            session_id=session_id,
            tool_call=ToolCallUpdate(tool_call_id="call"),
            options=[
                PermissionOption(option_id="yes", name="Yes", kind="allow_once"),
                PermissionOption(option_id="no", name="No", kind="reject_once"),
            ],
        )
        chosen = getattr(answer.outcome, "option_id", None)
        return f"chosen: {chosen}" if chosen else "not chosen"

    async def cancel(self, session_id, **_):
        self.cancelled.set()


asyncio.run(run_agent(Conformance()))
