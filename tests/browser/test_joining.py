"""Somebody joins in a real browser, and finds a page of their own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from ledger.journal.commands import Credit, Debit
from ledger.journal.orders import Order
from ledger.programme import messages
from ledger.programme.messages import New
from ledger.programme.people import consents, sessions
from tests.browser.axe import faults
from tests.browser.conftest import Office
from tests.programme.people.informing import inform
from tests.programme.people.signing import enter, member
from tests.programme.people.test_memberships import EVERYTHING, enterprise, link, seen

Window = Callable[..., Page]
PHONE = "13912345678"
SCHEMES = ("light", "dark")


def fill_in(page: Page, office: Office, name: str = "王芳") -> None:
    """Somebody asks for a code, and sends all that is wanted."""
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Telephone number or e-mail").fill(PHONE)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Code from the message")).to_be_focused()
    page.keyboard.type(office.code())
    page.get_by_label("I consent that my service is recorded").check()
    page.get_by_role("button", name="Join").click()


def test_somebody_joins_without_scripts(
    contexts: Callable[..., BrowserContext], office: Office
) -> None:
    inform(office.registry)
    page = contexts(java_script_enabled=False).new_page()
    page.goto(office.url("/join"))
    # The notice stands before what is ticked, and can be read without opening anything
    told = page.get_by_role("region", name="What you consent to")
    expect(told).to_contain_text("About retention, first")
    above = told.bounding_box()
    below = page.get_by_label("I consent that my service is recorded").bounding_box()
    assert above is not None
    assert below is not None
    assert above["y"] < below["y"]
    # When they send the screen twice, then they are a member, on their own page
    fill_in(page, office)
    expect(page.get_by_role("heading", name="王芳")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Welcome!")
    expect(page.get_by_text("0 points", exact=True)).to_be_visible()
    # Whoever joins again under that name is led to sign in
    other = contexts(java_script_enabled=False).new_page()
    other.goto(office.url("/join"))
    fill_in(other, office)
    expect(other.get_by_role("alert")).to_contain_text("A member of this name has this number")
    other.get_by_role("link", name="Sign in", exact=True).click()
    expect(other).to_have_url(office.url("/sign-in"))


def test_what_is_wrong_is_said_and_what_was_typed_stays(window: Window, office: Office) -> None:
    inform(office.registry)
    page = window()
    page.goto(office.url("/join"))
    page.get_by_label("Your name").fill("王芳")
    page.get_by_role("button", name="Send me a code").click()
    contact = page.get_by_label("Telephone number or e-mail")
    expect(contact).to_be_focused()
    expect(contact).to_have_accessible_description("Please fill this in.")
    # when all is there but the consent
    contact.fill(PHONE)
    page.get_by_role("button", name="Send me a code").click()
    code = office.code()
    page.get_by_label("Code from the message").fill(code)
    page.get_by_role("button", name="Join").click()
    consent = page.get_by_label("I consent that my service is recorded")
    expect(consent).to_be_focused()
    expect(page.get_by_label("Your name")).to_have_value("王芳")
    expect(page.get_by_label("Code from the message")).to_have_value(code)
    # and when the notice has another version meanwhile, then it is read again
    consent.check()
    inform(office.registry, seen=1, word="second")
    page.get_by_label("Code from the message").fill("123456")
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_role("alert")).to_contain_text("The notice was changed")
    expect(page.get_by_role("region", name="What you consent to")).to_contain_text("second")
    expect(consent).not_to_be_checked()


def test_without_a_notice_nobody_can_join(window: Window, office: Office) -> None:
    page = window()
    page.goto(office.url("/join"))
    expect(page.get_by_text("Nobody can join here yet")).to_be_visible()


def test_the_code_of_a_link_goes_from_the_address_into_the_form(
    window: Window, office: Office
) -> None:
    inform(office.registry)
    page = window()
    code = f"org.{'a' * 26}.1.{'a' * 26}"
    page.goto(office.url(f"/join#{code}"))
    expect(page.locator("#linked")).to_be_visible()
    expect(page).to_have_url(office.url("/join"))
    expect(page.locator("#link")).to_have_value(code)
    # and one that is no longer good is said so, where one can go on without it
    fill_in(page, office)
    expect(page.get_by_role("alert")).to_contain_text("The link is no longer good")
    expect(page.locator("#linked")).to_be_hidden()


def test_a_member_says_by_a_link_where_they_belong(window: Window, office: Office) -> None:
    inform(office.registry)
    member(office.registry, full_name="王芳", phone=PHONE)
    code = link(office.registry, enterprise(office.registry))
    page = window()
    page.goto(office.address)
    page.get_by_label("Name of your ledger").fill("Beiyuan ")
    page.keyboard.press("Enter")
    expect(page).to_have_url(office.url("/sign-in"))
    sign_in(page, office, PHONE)
    # without a link there is nothing to say
    page.goto(office.url("/join"))
    expect(page.get_by_role("heading", name="You are a member already")).to_be_visible()
    expect(page.get_by_role("button", name="I belong to it")).to_be_hidden()
    # with one that is good, it is noted
    page.goto(office.url(f"/join#{code}"))
    page.get_by_role("button", name="I belong to it").click()
    expect(page.get_by_role("status")).to_have_text(
        "It is noted that you belong to the organisation."
    )


def test_somebody_joins_by_an_organisations_link(window: Window, office: Office) -> None:
    inform(office.registry)
    organisation = enterprise(office.registry)
    code = link(office.registry, organisation)
    page = window()
    page.goto(office.url(f"/join#{code}"))
    fill_in(page, office)
    expect(page.get_by_role("status")).to_contain_text("Welcome!")
    (membership,) = seen(office.registry, EVERYTHING)
    assert membership.organisation == organisation


def lived(office: Office, name: str, phone: str, earned: int, taken: int = 0) -> str:
    """A member who has earned points, and lost some, and been told of it."""
    registry = office.registry
    person = member(registry, full_name=name, phone=phone)
    account = "member" + person.removeprefix("person")
    more = {"actor": registry.office, "approver": registry.second, "account": account}
    enter(registry, Order(command=Credit(amount=earned, budget=registry.budget, **more)))
    if taken:
        enter(registry, Order(command=Debit(amount=taken, **more)))
    place = (registry.database, registry.ledger, registry.clock)
    new = New(person, "proposal-approved", {"proposal": "proposal/7"}, "seven")
    messages.post(*place, new, by=registry.office)
    consents.give(*place, person, "recording", notice=1, how="self", by=person)
    sessions.begin(*place, person, "device")
    return person


def sign_in(page: Page, office: Office, phone: str) -> None:
    page.goto(office.url("/sign-in"))
    page.locator("#m-contact").fill(phone)
    page.locator("#m-contact").press("Enter")
    page.locator("#code").fill(office.code())
    page.locator("#code").press("Enter")
    page.wait_for_url(office.url("/me"))


def test_a_member_sees_to_what_is_theirs(
    contexts: Callable[..., BrowserContext], office: Office
) -> None:
    for purpose in ("recording", "employer"):
        inform(office.registry, purpose)
    lived(office, "王芳", PHONE, 12)
    page = contexts(java_script_enabled=False).new_page()
    sign_in(page, office, PHONE)
    expect(page.get_by_text("You can spend 12 points now")).to_be_visible()
    # they read a message
    page.get_by_role("button", name="I have read it").click()
    expect(page.get_by_role("button", name="I have read it")).to_have_count(0)
    expect(page.get_by_text("A second person approved what you proposed")).to_be_visible()
    # they say yes to one thing, and take another yes back
    employer = page.get_by_role("listitem").filter(has_text="Showing my name and hours")
    recording = page.get_by_role("listitem").filter(has_text="Recording who I am")
    expect(employer.get_by_text("Not said yet", exact=True)).to_be_visible()
    employer.locator("summary").click()
    employer.get_by_role("button", name="Yes, I consent").click()
    expect(employer.get_by_text("Yes", exact=True)).to_be_visible()
    recording.locator("summary").click()
    recording.get_by_role("button", name="Take my yes back").click()
    expect(recording.get_by_text("No", exact=True)).to_be_visible()
    recording.get_by_role("link", name="What becomes of that").click()
    expect(page.get_by_text("The office decides by")).to_be_visible()
    # and sign out where they are no longer
    page.get_by_role("button", name="Sign out there").click()
    expect(page.get_by_role("button", name="Sign out there")).to_have_count(0)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_page_of_a_member_keeps_anybody_out(
    window: Window, office: Office, scheme: str, language: str
) -> None:
    for purpose in ("recording", "employer"):
        inform(office.registry, purpose)
    lived(office, "王芳", PHONE, 12)
    lived(office, "欧阳小明", "13800138000", 30, 45)
    locale = {"zh": "zh-CN", "en": "en-GB"}[language]
    page = window(color_scheme=scheme, locale=locale, viewport={"width": 390, "height": 844})
    found: dict[str, str] = {}

    def judge(step: str) -> None:
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 844})
            if said := faults(page):
                found[f"{step} at {width}"] = said
        assert page.locator("html").get_attribute("lang", timeout=1_000)[:2] == language
        expect(page.get_by_role("heading", level=1)).to_have_count(1)

    page.goto(office.url(f"/join#invitation.{'a' * 26}.1.{'a' * 26}"))
    expect(page.locator("#linked")).to_be_visible()
    judge("join")
    page.locator("#name").fill("赵一")
    page.locator("#contact").fill("zhao@example.org")
    page.locator("#contact").press("Enter")
    judge("join sent")
    page.locator("#code").press("Enter")
    judge("join wrong")
    page.goto(office.address)
    judge("first page")
    for phone in (PHONE, "13800138000"):
        sign_in(page, office, phone)
        judge(f"member {phone}")
    page.goto(office.url(f"/join#org.{'a' * 26}.1.{'a' * 26}"))
    page.locator("#enters button").click()
    expect(page.get_by_role("alert")).to_be_visible()
    judge("entering")
    assert found == {}
