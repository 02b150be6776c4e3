import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A wire between two programs that a test cuts. */
export interface CuttableProxy {
  readonly url: string;
  /** Cuts what stands now. */
  cut(): void;
  /** Cuts once so many more bytes have come from the far side; the bytes after them are lost. */
  cutAfter(bytes: number): void;
  /** How often something that stood was cut. */
  readonly cuts: number;
  /** Sockets that stand now, of both sides. */
  readonly standing: number;
  close(): Promise<void>;
}

/** Passes bytes on to a port of this machine. */
export async function startProxy(targetPort: number): Promise<CuttableProxy> {
  const sockets = new Set<Socket>();
  let left = Number.POSITIVE_INFINITY;
  let cuts = 0;
  const cut = (): void => {
    left = Number.POSITIVE_INFINITY;
    if (sockets.size > 0) cuts += 1;
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const server = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        near.destroy();
        far.destroy();
        sockets.delete(near);
        sockets.delete(far);
      });
    }
    near.on('data', (bytes: Buffer) => far.write(bytes));
    far.on('data', (bytes: Buffer) => {
      if (left === Number.POSITIVE_INFINITY) {
        near.write(bytes);
        return;
      }
      near.write(bytes.subarray(0, left));
      left -= bytes.length;
      if (left <= 0) near.end(cut);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    cutAfter: (bytes) => {
      left = bytes;
    },
    get cuts() {
      return cuts;
    },
    get standing() {
      return sockets.size;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}
