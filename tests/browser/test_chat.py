"""Two people chat in two browsers through nginx."""

import asyncio

from playwright.async_api import expect

from tests.browser.conftest import PASSWORD, Office


async def test_two_people_sign_up_make_a_room_and_chat_live(office: Office) -> None:
    ada, bob, _ = await office.two("Harvest")
    await ada.write("Good morning!")
    await ada.sees("Good morning!", "sent")
    await bob.sees("Good morning!")
    await bob.write("Good morning, Ada.")
    await ada.sees("Good morning, Ada.")
    await bob.at("composer").press_sequentially("And", delay=30)
    await expect(ada.at("typing")).to_contain_text("typing")
    await bob.at("composer").fill("")
    await expect(ada.at("typing")).to_be_empty()
    shown = [await tab.messages() for tab in (ada, bob)]
    assert [(each.seq, each.nonce, each.body) for each in shown[0]] == [
        (each.seq, each.nonce, each.body) for each in shown[1]
    ]
    await ada.picture("chat")


async def test_unread_messages_are_counted_until_they_are_read(office: Office) -> None:
    ada, bob, room = await office.two("Harvest")
    other = await bob.new_group("Something else")
    assert other != room
    badge = bob.item(room).get_by_test_id("unread")
    await expect(badge).to_have_count(0)
    for number in ("one", "two", "three"):
        await ada.write(number)
    await expect(badge).to_have_text("3")
    await bob.picture("unread")
    await bob.page.reload()
    await expect(badge).to_have_text("3")
    await bob.open_room(room)
    await bob.sees("three")
    await expect(badge).to_have_count(0)
    await bob.page.reload()
    await expect(bob.item(room)).to_be_visible()
    await expect(badge).to_have_count(0)


async def test_dots_show_who_is_there(office: Office) -> None:
    ada, bob = await office.person("ada"), await office.person("bob")
    room = await ada.tab.new_direct(bob.username)
    dot = ada.tab.item(room).get_by_test_id("presence-dot")
    await expect(dot).to_have_attribute("data-status", "online")
    await bob.tab.page.close()
    await expect(dot).to_have_attribute("data-status", "offline", timeout=30_000)
    again = await bob.tab.page.context.new_page()
    await again.goto(office.stack.app)
    await expect(dot).to_have_attribute("data-status", "online")


async def test_a_reload_keeps_the_session_and_the_room(office: Office) -> None:
    ada, bob, room = await office.two("Harvest")
    await bob.write("Still here?")
    await ada.sees("Still here?")
    await ada.page.reload()
    await ada.is_connected()
    await expect(ada.at("room")).to_have_attribute("data-room", room)
    await ada.sees("Still here?")
    await ada.write("Still here.")
    await bob.sees("Still here.")


async def test_a_wrong_password_and_a_taken_username_are_said_in_a_sentence(office: Office) -> None:
    ada = await office.person("ada")
    stranger = await office.tab("/")
    await stranger.sign_in(ada.username, "not the password")
    await expect(stranger.at("error")).to_contain_text("wrong")
    await stranger.picture("wrong-password")
    await stranger.at("switch-auth").click()
    await stranger.fill("sign-up", username=ada.username, email="somebody@example.com", password=PASSWORD)
    await stranger.submit("sign-up")
    await expect(stranger.at("error")).to_contain_text("taken")
    await stranger.picture("taken-username")


async def test_signing_out_ends_the_session_in_every_tab_of_it(office: Office) -> None:
    ada = await office.person("ada")
    second = await ada.tab.page.context.new_page()
    await second.goto(office.stack.app)
    await expect(second.get_by_test_id("shell")).to_be_visible()
    await ada.tab.at("sign-out").click()
    await expect(ada.tab.at("sign-in")).to_be_visible()
    await expect(second.get_by_test_id("sign-in")).to_be_visible()
    await ada.tab.page.reload()
    await expect(ada.tab.at("sign-in")).to_be_visible()


async def test_what_is_written_while_offline_waits_and_is_sent_once_when_it_can(office: Office) -> None:
    """The banner comes and goes, and nothing is loaded anew: the page is the same one all along."""
    ada, bob, _ = await office.two("Harvest")
    await ada.write("Before.")
    await bob.sees("Before.")
    for tab in (ada, bob):
        await tab.page.evaluate("window.sameDocument = true")
    await asyncio.to_thread(office.stack.stop, "nginx")
    try:
        await expect(ada.at("connection-banner")).to_be_visible()
        await ada.write("Written while offline.")
        await ada.sees("Written while offline.", "pending")
        await ada.picture("offline")
    finally:
        office.stack.start("nginx")
    await ada.sees("Written while offline.", "sent", seconds=30)
    await bob.sees("Written while offline.", seconds=30)
    for tab in (ada, bob):
        await expect(tab.at("connection-banner")).to_have_count(0)
        assert await tab.page.evaluate("window.sameDocument") is True
        assert [each.body for each in await tab.messages()] == ["Before.", "Written while offline."]
