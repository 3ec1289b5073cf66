"""``/respond``: the page behind the link to single topics. It shows those topics, and takes answers and comments.

The link holds its token behind the ``#``. The page asks for it by a form, and every form on it carries it on.
"""

from dataclasses import dataclass, field

from fastapi import Request
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from api.door import faults_of
from api.problems import STATUS
from api.respondents import Respondent, entered_by_link
from api.screens.showing import Form, read_form, screen_router, show
from api.v1.topic_links import AskedTopicOut, asked, say
from domain.errors import Conflict, Invalid, NotFound, Unauthenticated
from domain.sra import topic_links
from domain.sra.answers import State
from domain.sra.topic_comments import TopicCommentFields
from domain.sra.topic_links import AskedAnswerFields, ShownWhere

router = screen_router()

WORDS = {
    State.yes: "Yes",
    State.partial: "Partly",
    State.no: "No",
    State.not_applicable: "This does not apply to us",
    State.implemented: "Yes, it is in place",
    State.alternative: "Something else is done instead",
    State.neither: "Neither, for a written reason",
    State.not_in_place: "No, it is not in place",
    State.does_not_apply: "This does not apply to us",
    State.applies_done: "It applies, and it is done",
    State.applies_not_done: "It applies, and it is not done",
    State.met: "Yes",
    State.not_met: "No",
    State.unknown: "I do not know",
}


@dataclass
class Draft:
    """What was just sent about one topic: what is wrong with it, or that it is kept."""

    topic_id: str = ""
    form: Form = field(default_factory=lambda: Form({}))
    faults: dict[str, str] = field(default_factory=dict[str, str])
    saved: str = ""

    def is_about(self, topic: AskedTopicOut) -> bool:
        return topic.id == self.topic_id and not self.saved


@router.get("/respond")
async def ask_for_link() -> HTMLResponse:
    """What the link opens. The token behind its # has not come here; the page fetches it."""
    return _enter()


@router.post("/respond")
async def show_topics(request: Request) -> HTMLResponse:
    """The topics of a link; with an answer or a comment, that is kept first."""
    form = await read_form(request)
    token = form.text("token").rpartition("#")[2].removeprefix("token=")
    draft = Draft(form.text("topic_id"), form)
    try:
        if draft.topic_id:
            await _keep(request, token, draft)
        async with entered_by_link(request, token, read_only=True) as by:
            page = await asked(by)
    except Unauthenticated as error:
        return _enter(refused=error.detail)
    status = 422 if draft.faults else 200
    return show("respond.html", status, page=page, token=token, draft=draft, words=WORDS)


def _enter(*, refused: str = "") -> HTMLResponse:
    about = "Somebody asked you to answer some questions for a dental practice. The link that you were sent opens them."
    status = STATUS[Unauthenticated] if refused else 200
    return show("enter.html", status, title="Questions for you", action="/respond", about=about, refused=refused)


async def _keep(request: Request, token: str, draft: Draft) -> None:
    """Keep what was said, or note beside which box what is wrong with it. What is refused leaves nothing behind."""
    try:
        async with entered_by_link(request, token, read_only=False) as by:
            draft.saved = await (_comment if draft.form.text("do") == "comment" else _answer)(by, draft)
    except Invalid as error:
        draft.faults = {each.pointer.split("/")[1]: each.detail for each in error.faults}
    except Conflict as error:
        draft.faults = {"": error.detail}
    except NotFound:
        draft.faults = {"": "This question does not belong to your link."}


async def _answer(by: Respondent, draft: Draft) -> str:
    form = draft.form
    if not form.text("state"):
        raise Invalid.one("/state", "required", "Choose one of the answers.")
    try:
        fields = AskedAnswerFields(
            state=form.text("state"),
            rationale=form.or_none("rationale"),
            alternative=form.or_none("alternative"),
            note=form.or_none("note"),
            evidence=[ShownWhere(reference=line) for line in form.lines("evidence")],
        )
    except ValidationError as error:
        raise Invalid(faults_of(error)) from None
    await topic_links.answer_by_link(by.session, by.link, draft.topic_id, fields)
    return "Your answer is saved. You can change it until the link ends."


async def _comment(by: Respondent, draft: Draft) -> str:
    try:
        fields = TopicCommentFields(text=draft.form.text("text"))
    except ValidationError as error:
        raise Invalid(faults_of(error)) from None
    await say(by, draft.topic_id, fields)
    return "Your comment is sent."
