"""The errors that a user can cause or mend; the command line prints each as one line."""


class TinyLogBertError(Exception):
    """A failure with one clear line: what is wrong, where, and what to do."""


class ConfigError(TinyLogBertError):
    """The configuration file, an environment variable or an option is wrong."""


class ArtifactError(TinyLogBertError):
    """A model folder is missing, incomplete, changed or of another format."""


class SourceError(TinyLogBertError):
    """A named input cannot be read as a log."""


class StateError(TinyLogBertError):
    """The state directory or its database cannot be used."""


class DamagedStateError(StateError):
    """What the state's file holds is not what was written."""


class DataError(TinyLogBertError):
    """A data file of a one-shot command has the wrong form or content."""


class FeedbackError(TinyLogBertError):
    """What is asked of incidents or feedback cannot be: an unknown id, a wrong cursor."""


class UnknownError(FeedbackError):
    """There is no incident, or no feedback, of that id."""


class ServiceError(TinyLogBertError):
    """A socket cannot be bound, or a running daemon cannot be asked."""


class InstallError(TinyLogBertError):
    """The service cannot be put in place or removed."""
