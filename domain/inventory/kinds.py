"""The closed lists of the inventory: what a thing with a plug, a system, a partner or a method of sending can be."""

from enum import StrEnum


class DeviceKind(StrEnum):
    """A thing with a plug. ``unclassified`` is what an RMM shows before anyone has said what it is used for."""

    intraoral_sensor = "intraoral_sensor"
    psp_scanner = "psp_scanner"
    panoramic_unit = "panoramic_unit"
    cbct_unit = "cbct_unit"
    intraoral_scanner = "intraoral_scanner"
    intraoral_camera = "intraoral_camera"
    handheld_xray = "handheld_xray"
    capture_workstation = "capture_workstation"
    reading_workstation = "reading_workstation"
    front_desk_workstation = "front_desk_workstation"
    laptop = "laptop"
    tablet = "tablet"
    imaging_server = "imaging_server"
    dicom_server = "dicom_server"
    pms_server = "pms_server"
    file_server = "file_server"
    nas = "nas"
    backup_target = "backup_target"
    removable_media = "removable_media"
    firewall = "firewall"
    network_device = "network_device"
    printer = "printer"
    unclassified = "unclassified"


class SystemKind(StrEnum):
    """Software or a cloud service."""

    pms_cloud = "pms_cloud"
    cloud_archive = "cloud_archive"
    backup_target = "backup_target"
    email_system = "email_system"
    patient_portal = "patient_portal"
    msp_tool = "msp_tool"
    vendor_service = "vendor_service"


class AssetStatus(StrEnum):
    active = "active"
    retired = "retired"
    disposed = "disposed"


class Encryption(StrEnum):
    """Encryption at rest as far as it is known; an absent value is unknown, which is never "none"."""

    none = "none"
    volume = "volume"
    database = "database"
    file = "file"
    device = "device"


class PartnerKind(StrEnum):
    specialist = "specialist"
    hospital = "hospital"
    dentist = "dentist"
    lab = "lab"
    insurer = "insurer"
    patient = "patient"
    other = "other"


class EndKind(StrEnum):
    """What stands at one end of a flow."""

    device = "device"
    system = "system"
    partner = "partner"
    vendor = "vendor"
    patient = "patient"
    other = "other"


class FlowMethod(StrEnum):
    dicom = "dicom"
    dicomweb = "dicomweb"
    smb = "smb"
    https = "https"
    http = "http"
    portal = "portal"
    email = "email"
    sftp = "sftp"
    ftp = "ftp"
    usb = "usb"
    cd = "cd"
    sms = "sms"
    mms = "mms"
    chat = "chat"
    cloud_sync = "cloud_sync"
    fax = "fax"
    courier = "courier"


class Direction(StrEnum):
    inbound = "inbound"
    outbound = "outbound"
    internal = "internal"
