"""The air of the rig: a controller for the kernel (/dev/vhci), and a GATT peripheral for each device of a fleet.

What a peripheral answers comes from the virtual device itself: each read and write is handed on to the fleet's socket
(tests/src/virtual_device/carrier.rs), each notification and goodbye of the device comes from there.

Deliberately not here: anything that a device knows. To add a carrier's operation: a method of Socket.
"""

import asyncio
import base64
import dataclasses
import itertools
import json
import logging
import sys
import time

from bumble.att import ATT_Error
from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData
from bumble.device import Device
from bumble.gatt import Characteristic, CharacteristicValue, Descriptor, Service
from bumble.hci import (
    Address,
    HCI_LE_Advertising_Report_Event,
    HCI_LE_Connection_Complete_Event,
    HCI_LE_Enhanced_Connection_Complete_Event,
    HCI_LE_Extended_Advertising_Report_Event,
)
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport import open_transport

ADAPTER = Address('C4:F2:17:1A:1D:BB', Address.PUBLIC_DEVICE_ADDRESS)
USER_DESCRIPTION = UUID('2901')
PROPERTIES = {'read': Characteristic.Properties.READ, 'write': Characteristic.Properties.WRITE, 'notify': Characteristic.Properties.NOTIFY}
# Without an advert of the device for so long, its peripheral falls silent.
SILENT_AFTER = 1.0
log = logging.getLogger('rig')


class Refused(Exception):
    """An answer that is no success."""


class Socket:
    """The fleet's socket: requests, their answers by number, and events."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.numbers, self.waiting = itertools.count(1), {}
        self.on_event = lambda event: None

    @classmethod
    async def open(cls, host, port):
        while True:
            try:
                return cls(*await asyncio.open_connection(host, port, limit=1 << 20))
            except OSError:
                await asyncio.sleep(0.2)

    async def listen(self):
        while line := await self.reader.readline():
            answer = json.loads(line)
            if 'event' in answer:
                self.on_event(answer)
            elif waiting := self.waiting.pop(answer.get('id'), None):
                waiting.set_result(answer)

    async def ask(self, **request):
        number = next(self.numbers)
        self.waiting[number] = asyncio.get_running_loop().create_future()
        self.writer.write((json.dumps({'id': number, **request}) + '\n').encode())
        answer = await self.waiting[number]
        if 'err' in answer:
            raise Refused(answer['err'])
        return answer['ok']


class Peripheral:
    """One device in the air."""

    def __init__(self, socket, link, number, advert):
        self.socket, self.address = socket, advert['address']
        self.connection = self.link = None
        self.linked = asyncio.Event()
        self.values, self.characteristics = {}, {}
        host = Host()
        host.controller = Controller(f'D{number}', link=link)
        self.device = Device(name=advert['name'], address=Address(self.address), host=host)
        self.device.advertising_data, self.device.scan_response_data = packets(advert)
        self.service = advert['services'][0]
        self.heard = time.monotonic()
        self.advertising = False

    async def start(self):
        """Learns the layout, and is ready to advertise."""
        opened = await self.socket.ask(op='connect', address=self.address)
        self.mtu = opened['mtu']
        layout = await self.socket.ask(op='discover', link=opened['link'])
        await self.socket.ask(op='disconnect', link=opened['link'])
        for one in layout:
            self.characteristics[one['uuid']] = self.characteristic(one)
        self.device.add_services([Service(self.service, list(self.characteristics.values()))])
        self.device.gatt_server.max_mtu = self.mtu
        self.device.on('connection', self.on_connection)
        await self.device.power_on()

    def characteristic(self, one):
        uuid = one['uuid']
        names = [Descriptor(USER_DESCRIPTION, Descriptor.READABLE, one['name'].encode())] if one['name'] else []
        properties = Characteristic.Properties(0)
        for name in one['properties']:
            properties |= PROPERTIES[name]
        value = CharacteristicValue(read=lambda _: self.read(uuid), write=lambda _, value: self.write(uuid, value))
        made = Characteristic(uuid, properties, Characteristic.READABLE | Characteristic.WRITEABLE, value, names)
        made.on('subscription', lambda *_: asyncio.ensure_future(self.subscribe(uuid)))
        return made

    def on_connection(self, connection):
        log.info('%s is connected to', self.address)
        self.advertising = False
        self.connection = connection
        connection.on('disconnection', lambda _: asyncio.ensure_future(self.on_disconnection(connection)))
        asyncio.ensure_future(self.take_link(connection))

    async def take_link(self, connection):
        try:
            link = (await self.socket.ask(op='connect', address=self.address))['link']
        except Refused as why:
            log.warning('%s takes no link: %s', self.address, why)
            await self.hang_up()
            return
        if self.connection is connection:
            self.link = link
            self.linked.set()
        else:  # the client left meanwhile
            await self.socket.ask(op='disconnect', link=link)

    async def on_disconnection(self, connection):
        log.info('%s is disconnected', self.address)
        if self.connection is not connection:
            return
        link, self.link, self.connection = self.link, None, None
        self.linked.clear()
        self.values.clear()
        if link is not None:
            await self.socket.ask(op='disconnect', link=link)

    async def hang_up(self):
        if connection := self.connection:
            log.info('%s hangs up', self.address)
            await connection.disconnect()

    async def forward(self, **request):
        """An operation of the device. An ATT error is the device's; when it leaves, so do we."""
        await self.linked.wait()
        try:
            return await self.socket.ask(link=self.link, **request)
        except Refused as why:
            error = why.args[0]
            if error['kind'] == 'att':
                raise ATT_Error(error['code']) from why
            await self.hang_up()
            await asyncio.Event().wait()

    async def read(self, uuid):
        # A long value is read in pieces, which are one read for the device.
        if uuid not in self.values:
            value = base64.b64decode((await self.forward(op='read', uuid=uuid))['value'])
            if len(value) < self.connection.att_mtu - 1:
                return value
            self.values[uuid] = value
        return self.values[uuid]

    async def write(self, uuid, value):
        self.values.pop(uuid, None)
        await self.forward(op='write', uuid=uuid, value=base64.b64encode(value).decode())

    async def subscribe(self, uuid):
        await self.forward(op='subscribe', uuid=uuid)

    async def follow(self):
        """Advertises as long as the device does."""
        while True:
            audible = time.monotonic() - self.heard < SILENT_AFTER and self.connection is None
            if audible != self.advertising:
                self.advertising = audible
                try:
                    await (self.device.start_advertising() if audible else self.device.stop_advertising())
                except Exception as why:  # it was connected to in this moment
                    log.warning('%s: %r', self.address, why)
            await asyncio.sleep(0.1)

    async def on_event(self, event):
        if event['event'] == 'disconnected':
            await self.hang_up()
        elif event['event'] == 'notify' and event['uuid'] in self.characteristics and self.connection:
            await self.device.notify_subscriber(self.connection, self.characteristics[event['uuid']], base64.b64decode(event['value']))


def packets(advert):
    """Advertising data and scan response of a device."""
    data = [(AdvertisingData.FLAGS, bytes([6]))]
    for service in advert['services']:
        data.append((AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, bytes(UUID(service))))
    response = [(AdvertisingData.COMPLETE_LOCAL_NAME, advert['name'].encode()[:29])]
    for service, value in advert['service_data']:
        short = UUID(service[4:8]) if service.endswith('-0000-1000-8000-00805f9b34fb') else UUID(service)
        kind = AdvertisingData.SERVICE_DATA_16_BIT_UUID if len(bytes(short)) == 2 else AdvertisingData.SERVICE_DATA_128_BIT_UUID
        response.append((kind, bytes(short) + base64.b64decode(value)))
    return bytes(AdvertisingData(data)), bytes(AdvertisingData(response))


class Adapter(Controller):
    """The kernel's controller.

    It has a public address only: the random one that the kernel sets for scans would otherwise become that of its
    connections, whose data would then belong to nobody. A link is announced as the kernel waits for it, which otherwise
    takes it for one that is still being made and cannot close it. And it hears the scan responses of the devices, in whose place
    Bumble repeats their advertising data.
    """

    random_address = property(lambda self: ADAPTER, lambda self, address: None)
    responses = {}

    def send_hci_packet(self, packet):
        if isinstance(packet, (HCI_LE_Advertising_Report_Event, HCI_LE_Extended_Advertising_Report_Event)):
            packet = type(packet)([self.answered(report) for report in packet.reports])
        elif isinstance(packet, HCI_LE_Connection_Complete_Event):
            packet = enhanced(packet)
        super().send_hci_packet(packet)

    def answered(self, report):
        is_response = report.event_type in (
            HCI_LE_Advertising_Report_Event.EventType.SCAN_RSP,
            HCI_LE_Extended_Advertising_Report_Event.EventType.SCAN_RESPONSE,
        )
        data = self.responses.get(bytes(report.address))
        return dataclasses.replace(report, data=data) if is_response and data is not None else report


def enhanced(made):
    """The event that follows an extended create connection."""
    return HCI_LE_Enhanced_Connection_Complete_Event(
        status=made.status,
        connection_handle=made.connection_handle,
        role=made.role,
        peer_address_type=made.peer_address_type,
        peer_address=made.peer_address,
        local_resolvable_private_address=Address.ANY,
        peer_resolvable_private_address=Address.ANY,
        connection_interval=made.connection_interval,
        peripheral_latency=made.peripheral_latency,
        supervision_timeout=made.supervision_timeout,
        central_clock_accuracy=made.central_clock_accuracy,
    )


async def main(host, port):
    link = LocalLink()
    transport = await open_transport('vhci')
    kernel = Adapter('adapter', host_source=transport.source, host_sink=transport.sink, link=link, public_address=ADAPTER)
    print('the adapter is plugged in', flush=True)
    socket = await Socket.open(host, port)
    peripherals, starting = {}, asyncio.Queue()

    def on_event(event):
        if event['event'] == 'advert':
            if one := peripherals.get(event['address']):
                one.heard = time.monotonic()
            else:
                peripherals[event['address']] = Peripheral(socket, link, len(peripherals), event)
                starting.put_nowait(event['address'])
        else:
            for one in peripherals.values():
                if one.link is not None and one.link == event['link']:
                    asyncio.ensure_future(one.on_event(event))

    socket.on_event = on_event
    listening = asyncio.ensure_future(socket.listen())
    await socket.ask(op='scan')
    while True:
        waiting = asyncio.ensure_future(starting.get())
        await asyncio.wait([waiting, listening], return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            return kernel
        one = peripherals[waiting.result()]
        await one.start()
        kernel.responses[bytes(one.device.random_address)] = one.device.scan_response_data
        asyncio.ensure_future(one.follow())
        print(f'{one.address} is in the air', flush=True)


if __name__ == '__main__':
    logging.basicConfig(level=logging.WARNING, format='%(asctime)s %(name)s %(message)s')
    log.setLevel(logging.INFO)
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
