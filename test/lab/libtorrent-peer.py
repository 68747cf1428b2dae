"""
One libtorrent session on a host of the lab, for comparison: `libtorrent-peer.py <address> <defaults|tuned>`. Speaks
lines of JSON as test/lab/lines.ts does, and ends when its stdin does.

Wants Debian's python3-libtorrent: apt-get install -y python3-libtorrent
"""
import json
import sys
import time
import libtorrent as lt

PORT = 6881
address, setup = sys.argv[1], sys.argv[2]

settings = {
    'listen_interfaces': '%s:%d' % (address, PORT),
    # Peers are told by hand: finding them is not what is compared.
    'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False,
    # All hosts are in one network, and each is a peer of its own.
    'alert_mask': 0,
}
if setup == 'tuned':
    # Its own preset for fast seeds, for everybody; TCP alone, because uTP yields to its own queue and costs CPU.
    settings.update(lt.high_performance_seed())
    settings.update({
        'enable_outgoing_utp': False, 'enable_incoming_utp': False,
        'max_out_request_queue': 1500, 'max_queued_disk_bytes': 64 * 1024 * 1024,
        'hashing_threads': 2, 'request_queue_time': 1, 'connection_speed': 500, 'close_redundant_connections': False,
    })
session = lt.session(settings)
# Stands in the report, so keep it in step with the settings above.
SET_UP = {
    'defaults': "its own settings, peers told by hand",
    'tuned': "its preset high_performance_seed on all, TCP alone, 1500 requests and 64 MiB of writes in flight, 2 hashing threads, peers told by hand",
}
handle = None


def hello(_):
    return 'libtorrent %s, v1 torrent of 1 MiB pieces, %s' % (lt.__version__, SET_UP[setup])


def make(body):
    """A v1 torrent of 1 MiB pieces, as large as Starling's chunks."""
    files = lt.file_storage()
    lt.add_files(files, body['file'])
    torrent = lt.create_torrent(files, 1024 * 1024, lt.create_torrent.v1_only)
    lt.set_piece_hashes(torrent, body['file'].rsplit('/', 1)[0])
    with open(body['torrent'], 'wb') as out:
        out.write(lt.bencode(torrent.generate()))


def join(body):
    """Adds the torrent, connects to the peers, returns when everything is here (at once for a seeder)."""
    global handle
    began = time.monotonic()
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(body['torrent'])
    params.save_path = body['folder']
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    if body['seeds']:
        params.flags |= lt.torrent_flags.seed_mode
    handle = session.add_torrent(params)
    for peer in body['peers']:
        handle.connect_peer((peer, PORT))
    while not handle.status().is_seeding:
        time.sleep(0.02)
    return {'ms': round((time.monotonic() - began) * 1000)}


commands = {'hello': hello, 'make': make, 'join': join}
for line in sys.stdin:
    question = json.loads(line)
    try:
        answer = {'id': question['id'], 'body': commands[question['command']](question['body'])}
    except Exception as error:  # Whatever it is, the parent has to hear it.
        answer = {'id': question['id'], 'error': repr(error)}
    print(json.dumps(answer), flush=True)
