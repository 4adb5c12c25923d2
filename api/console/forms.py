"""What people fill in: the forms of the pages for people, and what is said of a wrong field.

What a form checks is whether a field can be what it stands for at all.  Whether it is right is the
domain's to say.
"""

from __future__ import annotations

import unicodedata

from flask_babel import gettext
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, Form, HiddenField, StringField
from wtforms.validators import Regexp, StopValidation, ValidationError

from ledger.programme.commitments import FieldRefused
from ledger.programme.findable import full_name
from ledger.programme.people.contacts import Contact, contact_of
from ledger.programme.people.passwords import CHARACTERS_MAX
from ledger.programme.people.totp import SECRET_CHARACTERS

CONTACT_CHARS_MAX = 254
CODE_CHARS_MAX = 40
NAME_CHARS_MAX = 200


class AtMost:
    """Something, and at most so many characters of it."""

    def __init__(self, characters: int) -> None:
        self.characters = characters

    def __call__(self, _form: Form, field: Field) -> None:
        if not (field.data or "").strip():
            raise StopValidation(gettext("Please fill this in."))
        if len(field.data) > self.characters:
            raise StopValidation(
                gettext("At most %(most)s characters, please.", most=self.characters)
            )


def is_contact(_form: Form, field: Field) -> None:
    """An e-mail address or a telephone number."""
    try:
        contact_of(field.data)
    except FieldRefused:
        raise ValidationError(
            gettext("This is neither an e-mail address nor a telephone number. Check it.")
        ) from None


def is_name(_form: Form, field: Field) -> None:
    """A name on one line, of which something is left without what cannot be seen."""
    try:
        full_name(field.data)
    except FieldRefused:
        fits = False
    else:
        fits = all(unicodedata.category(each) != "Cc" for each in field.data)
    if not fits:
        raise ValidationError(gettext("This cannot be written as a name. Check it."))


def stripped(text: str | None) -> str:
    """What was typed, without the room around it."""
    return (text or "").strip()


def contact_field() -> StringField:
    """An e-mail address or a telephone number as somebody types it."""
    return StringField(validators=[AtMost(CONTACT_CHARS_MAX), is_contact])


class ContactForm(FlaskForm):
    """Where somebody can be reached, and how they are known here."""

    contact = contact_field()
    wanted = HiddenField()

    def contacted(self) -> Contact:
        """The contact of a form that was found valid."""
        return contact_of(self.contact.data)


class StaffForm(ContactForm):
    """What one of the staff shows."""

    password = StringField(validators=[AtMost(4 * CHARACTERS_MAX)])
    code = StringField(validators=[AtMost(CODE_CHARS_MAX)])


class CodeForm(ContactForm):
    """A code that was sent; of several members with one telephone, which one it is."""

    code = StringField(validators=[AtMost(CODE_CHARS_MAX)])
    person = HiddenField()
    stay = BooleanField()


class InvitedForm(ContactForm):
    """Who sets a password, with the code that an admin handed over."""

    invitation = StringField(validators=[AtMost(CODE_CHARS_MAX)])


class FirstPasswordForm(InvitedForm):
    """A password, and that the authenticator application was set up."""

    secret = HiddenField(validators=[Regexp(f"[A-Z2-7]{{{SECRET_CHARACTERS}}}\\Z")])
    password = StringField(validators=[AtMost(4 * CHARACTERS_MAX)])
    code = StringField(validators=[AtMost(CODE_CHARS_MAX)])


def is_ticked(_form: Form, field: Field) -> None:
    """A consent, which nobody can join without."""
    if not field.data:
        raise ValidationError(gettext("Nobody is recorded without consent: tick this to join."))


class LinkForm(FlaskForm):
    """The code of a link: read from the address by a module, or typed."""

    link = HiddenField()
    typed = StringField()

    def linked(self) -> str:
        """The code, empty without one."""
        return (self.link.data or self.typed.data or "").strip()


class JoinForm(ContactForm, LinkForm):
    """Who joins: the name, the contact with the code that was sent there, and the consent."""

    name = StringField(validators=[AtMost(NAME_CHARS_MAX), is_name], filters=[stripped])
    code = StringField(validators=[AtMost(CODE_CHARS_MAX)])
    consent = BooleanField(validators=[is_ticked])
    stay = BooleanField()
    notice = HiddenField()
    sent = HiddenField()


def is_ours(form: FlaskForm) -> bool:
    """Whether a form comes from one of our own pages."""
    form.validate()
    return not form.csrf_token.errors


def blame(field: Field, sentence: str) -> None:
    """Says of a field that the domain found it wrong."""
    field.errors = [*field.errors, sentence]


def first_wrong(form: FlaskForm) -> str | None:
    """The name of the first field with something wrong, for the reader to begin at."""
    return next((field.name for field in form if field.errors), None)
