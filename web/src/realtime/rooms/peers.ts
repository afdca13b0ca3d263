import type { Member, Page } from '../../api/types';
import type { People } from '../people';
import type { Rooms } from './store';

const AT_ONCE = 3;

/** Finds out who the other one is in each direct room: the list names rooms, not people. */
export class Peers {
  private readonly asked = new Set<string>();
  private readonly queue: string[] = [];
  private running = 0;

  private readonly members: (room: string) => Promise<Page<Member>>;
  private readonly rooms: Rooms;
  private readonly people: People;

  constructor(members: (room: string) => Promise<Page<Member>>, rooms: Rooms, people: People) {
    this.members = members;
    this.rooms = rooms;
    this.people = people;
  }

  /** Asks for those that are missing in the list as it is now. */
  fill(me: string): void {
    for (const [id, entry] of this.rooms.view.get().rooms) {
      if (entry.room.kind !== 'direct' || entry.peer !== null || this.asked.has(id)) continue;
      this.asked.add(id);
      this.queue.push(id);
    }
    this.run(me);
  }

  clear(): void {
    this.asked.clear();
    this.queue.length = 0;
  }

  private run(me: string): void {
    while (this.running < AT_ONCE) {
      const room = this.queue.shift();
      if (room === undefined) return;
      this.running += 1;
      void this.members(room)
        .then(
          ({ items }) => {
            this.people.learn(items.flatMap(({ user }) => user ?? []));
            // A direct room with oneself has nobody else in it.
            const peer = items.find((member) => member.user_id !== me)?.user_id ?? me;
            this.rooms.learnPeer(room, peer);
            this.people.need([peer]);
          },
          () => {
            // Asked again with the next change of the list; until then the room has no name.
            this.asked.delete(room);
          },
        )
        .finally(() => {
          this.running -= 1;
          this.run(me);
        });
    }
  }
}
