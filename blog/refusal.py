"""`Refusal`, the error of every rule that a user can break, from a form to the text renderer."""


class Refusal(Exception):
    """A rule was violated, by what a user typed or by the moment they chose.

    `message` is one sentence for the user, marked with `N_` for translation; `params` fill its
    placeholders. `field` names the form field at fault, or is empty. Subclasses stand for refusals
    that have an HTTP status of their own: see `web.errors`.
    """

    def __init__(self, message: str, field: str = "", **params: object) -> None:
        super().__init__(message % params if params else message)
        self.message = message
        self.field = field
        self.params = params
