/**
 * The client on a fake server inside the page, to look at it without a backend: `npm run dev`, then /demo.html.
 * `?room=den` opens a room, `?user=` (empty) is signed out, `?state=offline|typing|failed|pending` shows a state.
 * Only the development server knows this page; it is not part of the build.
 */
import { mount } from '../app/mount';
import { systemTimers } from '../realtime/timers';
import { build } from '../realtime/warren';
import { FakeServer } from './fake-server';

const wishes = new URLSearchParams(window.location.search);
const user = wishes.get('user') ?? 'ada';
const room = wishes.get('room');
const state = wishes.get('state');

const server = new FakeServer();
const people = { ada: 'Ada Okafor', bo: 'Bo Lindqvist', chi: 'Chiara Rossi', dev: 'Dev Patel', eun: 'Eun-ji Park', fin: 'Finn Ahern' };
for (const [id, name] of Object.entries(people)) server.addUser(id, { display_name: name });
for (const id of ['bo', 'chi', 'eun']) server.presence.set(id, 'online');
server.presence.set('dev', 'away');

const ago = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
const DAY = 1_440;
const topic = 'Shipping the field kit, one burrow at a time';
server.addRoom('den', ['ada', 'bo', 'chi', 'dev', 'eun'], { name: 'Field kit', topic, public: true });
server.addRoom('design', ['ada', 'bo', 'chi'], { name: 'Design crit' });
server.addRoom('random', ['ada', 'bo', 'chi', 'dev', 'eun', 'fin'], { name: 'Watercooler' });
for (const other of ['bo', 'eun', 'dev', 'fin']) {
  server.addRoom(`direct-ada-${other}`, ['ada', other], { kind: 'direct', name: null });
}

const say = (where: string, who: string, body: string, minutes: number): void => {
  server.post(where, who, body, undefined, ago(minutes));
};
for (let n = 0; n < 70; n += 1) say('den', ['bo', 'chi', 'dev'][n % 3] ?? 'bo', `Older note ${n + 1} about the kit.`, 4 * DAY - n);
say('den', 'bo', 'The second batch of sensors came in. 38 of 40 pass, the two bad ones drift above 30 °C.', DAY + 190);
say('den', 'chi', 'I can swap the bad ones this afternoon if somebody leaves the crate at the front desk.', DAY + 184);
say('den', 'chi', 'Also: do we still want the long cables in every kit? They are a third of the weight.', DAY + 183);
say('den', 'ada', 'Long cables only in the northern kits. I updated the packing list: https://wiki.example.org/kit/packing', DAY + 170);
say('den', 'eun', 'Firmware 2.4 is on the bench units since this morning:\n• sleep current down to 11 µA\n• no lost samples in 14 hours\n• the clock drift is gone', 96);
say('den', 'ada', 'That is lovely. Ship it to the pilot sites?', 88);
say('den', 'ada', 'Lindholmen first, they have someone on site until Friday.', 87);
say('den', 'dev', 'Pilot list is ready, I will roll it out at two and watch the dashboards.', 41);
say('den', 'bo', 'Crate is at the front desk.', 12);
say('den', 'chi', 'Got it, thank you! Swapping now.', 6);
say('design', 'chi', 'New cover sheet, with the bigger arrows. Be harsh.', 55);
say('random', 'fin', 'Whoever left the cinnamon buns in the kitchen: we are friends now.', 3 * DAY);
say('direct-ada-bo', 'ada', 'Lunch at twelve?', 31);
say('direct-ada-bo', 'bo', 'Yes. The noodle place?', 30);
say('direct-ada-eun', 'eun', 'Could you look at the power budget before the review?', 20);
say('direct-ada-eun', 'eun', 'Page three is the interesting one.', 19);
say('direct-ada-dev', 'ada', 'Thanks for yesterday.', 2 * DAY);
const readTo = (id: string, unread: number): void => {
  const fake = server.rooms.get(id);
  fake?.members.set('ada', fake.events.length - unread);
};
readTo('den', 2);
readTo('design', 1);
readTo('random', 0);
readTo('direct-ada-bo', 0);
readTo('direct-ada-eun', 2);
readTo('direct-ada-dev', 0);

server.cookie = user === '' ? null : user;
window.history.replaceState(null, '', room === null ? '/' : `/rooms/${room}`);
const warren = build({
  fetch: server.fetch,
  openSocket: server.connect,
  timers: systemTimers,
  isOnline: () => state !== 'offline',
  storage: { getItem: () => null, setItem: () => undefined, removeItem: () => undefined },
});
mount(warren);
void warren.session.start().then(async () => {
  await new Promise((done) => setTimeout(done, 400));
  if (room === null) return;
  if (state === 'typing') {
    warren.outbox.add(room, 'Perfect. I will write the note for the pilot sites.');
    server.typing(room, 'eun', true);
  }
  if (state === 'failed') {
    server.rooms.get(room)?.members.delete('ada');
    warren.outbox.add(room, 'Can somebody sign for the courier?');
  }
  if (state === 'pending' || state === 'offline') {
    server.down = true;
    server.cut();
    warren.outbox.add(room, 'Can somebody sign for the courier?');
  }
});
