"""What can go wrong with the development Kafka; each message says what to do about it."""


class DevelopmentKafkaError(RuntimeError):
    """The broker can't be had. Catch this one; its message is meant for people."""


class MissingToolError(DevelopmentKafkaError):
    """Java or Maven is not there, or too old; the message names the package to install."""


class DownloadFailedError(DevelopmentKafkaError):
    """Maven could not fetch Kafka's jars; the message carries Maven's own last lines."""


class BrokerFailedError(DevelopmentKafkaError):
    """The broker did not come up, or is gone; the message carries the last lines of its log."""


class KafkaCommandFailedError(DevelopmentKafkaError):
    """One of Kafka's own command line tools ended with an error; the message carries what it printed."""
