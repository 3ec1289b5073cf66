"""Every table of the program, imported once, so that the metadata is whole for migrations and for its tests."""

from sqlmodel import SQLModel

from domain.audit_exports import AuditExport
from domain.events import Event, EventHead
from domain.inventory.backups import Backup
from domain.inventory.column_mappings import SavedMapping
from domain.inventory.devices import Device
from domain.inventory.fleet_imports import FleetImport, FleetRow
from domain.inventory.flows import Flow
from domain.inventory.groups import Group, GroupedOrganization
from domain.inventory.import_runs import ImportFile, ImportRow, ImportRun
from domain.inventory.locations import Location
from domain.inventory.organizations import Organization
from domain.inventory.partners import Partner
from domain.inventory.policies import Policy
from domain.inventory.remote_accesses import RemoteAccess
from domain.inventory.reviews import Review
from domain.inventory.rmm.connections import RmmConnection
from domain.inventory.rmm.runs import RmmRun
from domain.inventory.rmm_sites import RmmSite
from domain.inventory.segments import Segment
from domain.inventory.systems import System
from domain.inventory.workforce import Workforce
from domain.outbound.attempts import DeliveryAttempt
from domain.outbound.deliveries import Delivery
from domain.outbound.endpoints import WebhookEndpoint
from domain.outbound.mail import Mail
from domain.people.api_keys import ApiKey
from domain.people.invitations import Invitation
from domain.people.kept_answers import KeptAnswer
from domain.people.links import OneUseLink
from domain.people.members import Member
from domain.people.oauth_clients import OAuthClient
from domain.people.oauth_grants import OAuthGrant
from domain.people.oauth_tokens import OAuthToken
from domain.people.recovery_codes import RecoveryCode
from domain.people.seats import Seat
from domain.people.second_factors import SecondFactor
from domain.people.service_accounts import ServiceAccount
from domain.people.sessions import Session
from domain.people.sso_connections import SsoConnection
from domain.people.sso_domains import SsoDomain
from domain.people.sso_identities import SsoIdentity
from domain.people.sso_sign_ins import SsoSignIn
from domain.people.tenants import Person, Tenant
from domain.people.transfers import Transfer
from domain.people.web_origins import WebOrigin
from domain.portfolio import PortfolioLine
from domain.remediation.access_requests import AccessRequest
from domain.remediation.clocks import ClockNotice
from domain.remediation.disposals import Disposal
from domain.remediation.incidents import Incident
from domain.remediation.tasks import Task, TaskComment, TaskFinding
from domain.sra.answer_history import AnswerEntry
from domain.sra.assessments import Answer, Assessment
from domain.sra.documents import Document
from domain.sra.findings import Finding
from domain.sra.staleness import Staleness
from domain.sra.topic_comments import TopicComment
from domain.sra.topic_links import TopicLink
from domain.ticketing.connections import Connection, HeardCallback, TicketingPlace
from domain.ticketing.mappings import Mapping
from domain.ticketing.tickets import Ticket, TicketChange, TicketComment
from domain.vendors.baas import Baa
from domain.vendors.engagements import Engagement
from domain.vendors.reminders import BaaReminder
from domain.vendors.standings import EngagementStanding
from domain.vendors.vendors import Vendor

TABLES: tuple[type[SQLModel], ...] = (
    AccessRequest, Answer, AnswerEntry, ApiKey, Assessment, AuditExport, Baa, BaaReminder, Backup, ClockNotice,
    Connection, Delivery, DeliveryAttempt, Device, Disposal, Document, Engagement, EngagementStanding, Event,
    EventHead, Finding, FleetImport, FleetRow, Flow, Group, GroupedOrganization, HeardCallback, ImportFile, ImportRow,
    ImportRun, Incident, Invitation, KeptAnswer, Location, Mail, Mapping, Member, OAuthClient, OAuthGrant, OAuthToken,
    OneUseLink, Organization, Partner, Person, Policy, PortfolioLine, RecoveryCode, RemoteAccess, Review,
    RmmConnection, RmmRun, RmmSite, SavedMapping, Seat, SecondFactor, Segment, ServiceAccount, Session, SsoConnection,
    SsoDomain, SsoIdentity, SsoSignIn, Staleness, System, Task, TaskComment, TaskFinding, Tenant, Ticket,
    TicketChange, TicketComment, TicketingPlace, TopicComment, TopicLink, Transfer, Vendor, WebhookEndpoint, WebOrigin,
    Workforce,
)  # fmt: skip

metadata = SQLModel.metadata
