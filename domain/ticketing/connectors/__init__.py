"""One file per ticketing product; ``PRODUCTS`` is the list of them."""

from collections.abc import Mapping

from domain.ticketing.connector import Connector
from domain.ticketing.connectors.autotask import Autotask
from domain.ticketing.connectors.connectwise import ConnectWise
from domain.ticketing.connectors.freshservice import Freshservice
from domain.ticketing.connectors.generic import Generic
from domain.ticketing.connectors.halo import Halo
from domain.ticketing.connectors.jira import Jira
from domain.ticketing.connectors.redmine import Redmine
from domain.ticketing.connectors.request_tracker import RequestTracker
from domain.ticketing.connectors.servicenow import ServiceNow
from domain.ticketing.connectors.zendesk import Zendesk

_ALL: tuple[type[Connector], ...] = (
    Autotask, ConnectWise, Freshservice, Generic, Halo, Jira, Redmine, RequestTracker, ServiceNow, Zendesk,
)  # fmt: skip
PRODUCTS: Mapping[str, type[Connector]] = {each.product: each for each in _ALL}
