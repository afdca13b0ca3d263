from infra.nginx.discovery import LINGER_SECONDS, Gateway, Members, gateways_of, parse, render

ONE, TWO, THREE = (Gateway("127.0.0.1", 5000 + index, 6000 + index) for index in range(3))


def test_both_upstreams_name_every_gateway_by_its_own_port() -> None:
    text = render([ONE, TWO])
    rest, _, sockets = text.partition("upstream gateway_sockets")
    assert "server 127.0.0.1:5000 " in rest
    assert "server 127.0.0.1:5001 " in rest
    assert "server 127.0.0.1:6000 " in sockets
    assert "server 127.0.0.1:6001 " in sockets
    assert "ip_hash" not in text
    assert text.count("least_conn;") == 2


def test_what_was_written_can_be_read_again() -> None:
    assert parse(render([ONE, TWO, THREE])) == [ONE, TWO, THREE]


def test_a_new_gateway_is_served_at_once() -> None:
    members = Members()
    members.update([ONE], now=0)
    assert members.update([ONE, TWO], now=0.1) == [ONE, TWO]


def test_a_gateway_that_is_back_soon_was_never_dropped() -> None:
    members = Members()
    members.update([ONE, TWO], now=0)
    assert members.update([ONE], now=LINGER_SECONDS - 1) == [ONE, TWO]
    assert members.update([ONE, TWO], now=LINGER_SECONDS) == [ONE, TWO]


def test_a_gateway_that_stays_away_is_dropped() -> None:
    members = Members()
    members.update([ONE, TWO], now=0)
    assert members.update([ONE], now=LINGER_SECONDS) == [ONE]


def test_the_list_never_runs_empty() -> None:
    members = Members()
    members.update([ONE, TWO], now=0)
    assert members.update([], now=1000) == [ONE, TWO]


def test_gateways_expected_at_start_are_given_their_time() -> None:
    members = Members()
    members.update([ONE, TWO], now=60)
    assert members.update([ONE], now=15) == [ONE, TWO]


def test_addresses_come_from_consul_and_an_entry_without_a_socket_port_is_left_out() -> None:
    nodes = [
        {"Node": {"Address": "10.0.0.1"}, "Service": {"Address": "", "Port": 5000, "Meta": {"socket_port": "6000"}}},
        {"Node": {"Address": "10.0.0.1"}, "Service": {"Address": "10.0.0.2", "Port": 5000, "Meta": None}},
    ]
    assert gateways_of(nodes) == [Gateway("10.0.0.1", 5000, 6000)]
