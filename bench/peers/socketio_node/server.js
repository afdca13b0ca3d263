// A chat server as a team would write it with socket.io 4: rooms over several servers with the Redis adapter, each
// message stored in MongoDB by a majority before anybody is told. Measured beside Warren, never part of it.
// Environment: PORT, MONGODB_URI, REDIS_URL, COLLECTIONS (prefix of its collections).

const { createServer } = require("node:http");
const { Server } = require("socket.io");
const { createAdapter } = require("@socket.io/redis-adapter");
const { createClient } = require("redis");
const { MongoClient } = require("mongodb");

async function main() {
  const mongo = await new MongoClient(process.env.MONGODB_URI, { writeConcern: { w: "majority", j: true } }).connect();
  const db = mongo.db();
  const rooms = db.collection(`${process.env.COLLECTIONS}rooms`);
  const messages = db.collection(`${process.env.COLLECTIONS}messages`);
  const publisher = createClient({ url: process.env.REDIS_URL });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);

  const http = createServer();
  const io = new Server(http, { adapter: createAdapter(publisher, subscriber), transports: ["websocket"] });

  io.use((socket, next) => {
    socket.data.user = socket.handshake.auth.token;
    next(socket.data.user ? undefined : new Error("sign in first"));
  });

  io.on("connection", async (socket) => {
    socket.on("message", async (message, ack) => {
      if (!socket.rooms.has(message.room)) {
        ack({ ok: false, id: message.id });
        return;
      }
      const stored = {
        _id: `${socket.data.user}:${message.nonce}`,
        room: message.room,
        sender: socket.data.user,
        body: message.body,
        at: new Date(),
      };
      try {
        await messages.insertOne(stored);
      } catch (error) {
        console.error(error);
        ack({ ok: false, id: message.id });
        return;
      }
      io.to(message.room).emit("message", stored);
      ack({ ok: true, id: message.id });
    });
    const mine = await rooms.find({ members: socket.data.user }).toArray();
    await socket.join(mine.map((room) => room._id));
    socket.emit("ready");
  });

  http.listen(Number(process.env.PORT), "127.0.0.1", 4096, () => console.log("listening"));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
