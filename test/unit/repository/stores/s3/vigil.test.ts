import { once } from 'node:events';
import { Agent, createServer, type RequestListener, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, type TestContext, test } from 'vitest';
import { Vigil } from '../../../../../src/repository/stores/s3/vigil.ts';

const mib = 1024 ** 2;
const silence = 600;

/** Sends a body under a vigil to a server, and reads its answer; the number of its bytes, or the code of what went wrong. */
async function sendTo(
  { onTestFinished }: TestContext,
  listener: RequestListener,
  body: Buffer,
): Promise<number | string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const agent = new Agent({ keepAlive: true });
  const vigil = new Vigil([agent], silence);
  onTestFinished(() => {
    vigil.close();
    agent.destroy();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const sending = request({ port, host: '127.0.0.1', method: 'PUT', agent });
  // It may break when the answer has begun; who reads that hears of it.
  sending.on('error', () => undefined);
  sending.end(body);
  try {
    const [answer] = await once(sending, 'response');
    let bytes = 0;
    for await (const chunk of answer) bytes += chunk.length;
    return bytes;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

describe.concurrent('a connection', () => {
  test('lives while bytes go up slowly', async (context) => {
    const slowly: RequestListener = async (incoming, outgoing) => {
      for await (const chunk of incoming) await wait(chunk.length / 8000);
      outgoing.end('well');
    };
    context.expect(await sendTo(context, slowly, Buffer.alloc(8 * mib))).toBe(4);
  });

  test('lives while something on the way holds what was sent', async (context) => {
    const late: RequestListener = async (incoming, outgoing) => {
      for await (const _ of incoming);
      await wait(4 * silence);
      outgoing.end('well');
    };
    context.expect(await sendTo(context, late, Buffer.alloc(mib))).toBe(4);
  });

  test('lives while bytes come down slowly', async (context) => {
    const slowly: RequestListener = async (_, outgoing) => {
      for (let n = 0; n < 12; n++) {
        outgoing.write('x');
        await wait(silence / 4);
      }
      outgoing.end();
    };
    context.expect(await sendTo(context, slowly, Buffer.alloc(0))).toBe(12);
  });

  test('ends when nobody takes what it sends', async (context) => {
    context.expect(await sendTo(context, () => {}, Buffer.alloc(32 * mib))).toBe('ETIMEDOUT');
  });

  test('ends when no answer comes', async (context) => {
    const never: RequestListener = (incoming) => void incoming.resume();
    context.expect(await sendTo(context, never, Buffer.alloc(1000))).toBe('ETIMEDOUT');
  });

  test('ends when an answer breaks off in silence', async (context) => {
    const half: RequestListener = (_, outgoing) => void outgoing.write('half');
    context.expect(['ECONNRESET', 'ETIMEDOUT']).toContain(await sendTo(context, half, Buffer.alloc(0)));
  });
});
