"""People sign in in a real browser: members by a code, staff by password and second factor."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.axe import faults
from tests.browser.conftest import Office
from tests.programme.people.signing import PASSWORD, Clerk, code_of, member

Window = Callable[..., Page]
PHONE = "13800138000"
SCHEMES = ("light", "dark")


def ask(page: Page, office: Office, contact: str = PHONE) -> str:
    """The code that a member asks for."""
    page.goto(office.url("/sign-in"))
    members = page.get_by_role("region", name="Members")
    members.get_by_label("Telephone number or e-mail").fill(contact)
    members.get_by_role("button", name="Send me a code").click()
    expect(page.get_by_label("Code from the message")).to_be_focused()
    return office.code()


def test_a_member_signs_in_without_scripts_and_without_a_mouse(
    contexts: Callable[..., BrowserContext], office: Office
) -> None:
    member(office.registry, full_name="王小明", phone=PHONE)
    context = contexts(java_script_enabled=False)
    page = context.new_page()
    code = ask(page, office, "138 0013 8000")
    # when a wrong code is typed, then the page says so, where the reader begins
    page.keyboard.type("000000" if code != "000000" else "111111")
    page.keyboard.press("Enter")
    field = page.get_by_label("Code from the message")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description("This code is wrong, was used, or is too old.")
    # when the right one is typed
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    # then they are on a page of their own, and stay there when the browser was closed
    expect(page).to_have_url(office.url("/me"))
    expect(page.get_by_role("heading", name="王小明")).to_be_visible()
    (cookie,) = context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["expires"] > 0) == (True, "Lax", True)
    # until they sign out, here and for good
    page.get_by_role("button", name="Sign out").click()
    context.add_cookies([cookie])
    page.goto(office.url("/me"))
    expect(page.get_by_role("heading", name="Please sign in")).to_be_visible()


def test_on_a_device_of_others_one_does_not_stay(
    contexts: Callable[..., BrowserContext], office: Office
) -> None:
    member(office.registry, full_name="王小明", phone=PHONE)
    context = contexts()
    page = context.new_page()
    page.get_by_label("Code from the message").fill(ask(page, office))
    page.get_by_label("Stay signed in on this device").uncheck()
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(office.url("/me"))
    (cookie,) = context.cookies()
    assert cookie["expires"] == -1


def test_several_members_with_one_telephone_choose_their_name(
    window: Window, office: Office
) -> None:
    for name in ("王芳", "王小明"):
        member(office.registry, full_name=name, phone=PHONE)
    page = window()
    page.get_by_label("Code from the message").fill(ask(page, office))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="王芳").click()
    expect(page.get_by_role("heading", name="王芳")).to_be_visible()


def test_one_of_the_staff_comes_from_an_admins_code_to_a_page(
    window: Window, office: Office
) -> None:
    # given a clerk who lost their password
    clerk = Clerk(office.registry)
    clerk.registry.clock.wait(seconds=60)
    page = window(viewport={"width": 390, "height": 844})
    page.goto(office.url("/sign-in"))
    page.get_by_role("link", name="First time here").click()
    page.get_by_label("Telephone number or e-mail").fill("wang@example.org")
    page.get_by_label("The admin's code").fill(clerk.invited().upper())
    page.get_by_role("button", name="Go on").click()
    # when they set the application up as it is shown, first with a password that is easily guessed
    secret = page.locator("#secret").inner_text().replace(" ", "")
    for password in ("beiyuan12345", PASSWORD):
        page.get_by_label("Password").fill(password)
        page.get_by_label("Code that the app shows now").fill(
            code_of(secret, office.registry.clock.now())
        )
        page.get_by_role("button", name="Set the password").click()
    # then the codes are shown once
    expect(page.locator(".codes code")).to_have_count(10)
    codes = page.locator(".codes code").all_inner_texts()
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    # and no button by chance leads away from them
    expect(page.get_by_role("button")).to_have_count(1)
    expect(page.get_by_role("banner").get_by_role("link")).to_have_count(0)
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("heading", name="王小明")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    # and they sign in with one of them in the place of the application
    page.goto(office.url("/sign-in"))
    staff = page.get_by_role("region", name="Staff")
    staff.get_by_label("Telephone number or e-mail").fill("wang@example.org")
    staff.get_by_label("Password").fill(PASSWORD)
    staff.get_by_label("Code").fill(codes[3])
    staff.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(office.url("/me"))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_step_keeps_anybody_out(
    window: Window, office: Office, scheme: str, language: str
) -> None:
    for name in ("王芳", "王小明"):
        member(office.registry, full_name=name, phone=PHONE)
    clerk = Clerk(office.registry, email="li@example.org", phone="13900139000")
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

    page.goto(office.url("/me"))
    judge("refused")
    page.goto(office.url("/sign-in"))
    judge("sign in")
    page.locator("#s-contact").press("Enter")
    judge("wrong")
    page.locator("#m-contact").fill(PHONE)
    page.locator("#m-contact").press("Enter")
    judge("code")
    page.locator("#code").fill(office.code())
    page.locator("#code").press("Enter")
    judge("which")
    page.get_by_role("button", name="王芳").click()
    judge("me")
    page.goto(office.url("/sign-in/setup"))
    page.locator("#contact").fill("li@example.org")
    page.locator("#invitation").fill("x")
    page.locator("#invitation").press("Enter")
    judge("not fitting")
    page.locator("#invitation").fill(clerk.invited())
    page.locator("#invitation").press("Enter")
    secret = page.locator("#secret").inner_text().replace(" ", "")
    judge("password")
    page.locator("#password").fill(PASSWORD)
    page.locator("#code").fill(code_of(secret, office.registry.clock.now()))
    page.locator("#code").press("Enter")
    expect(page.locator(".codes code")).to_have_count(10)
    judge("recovery codes")
    assert found == {}
