import sys, random, time, os; sys.path.insert(0,'/work/main/tests/e2e')
from harness.cases import *
from harness.message import *
def test_fuzz(world):
    seed=int(os.environ.get("SEED","1")); R=random.Random(seed)
    cust, agent, node = world.trio(bots={"support": BOT}, config={"limits":{"cps":100000}})
    cust.auto(lambda m: (cust.reply(m,R.choice([200,200,481,500]), body=cust.sdp() if m.method=="INVITE" else ""), True)[1] if m.method and m.method!="ACK" else True)
    agent.auto(lambda m: (agent.reply(m,R.choice([180,200,200,486,500,302]), body=agent.sdp() if m.method=="INVITE" else ""), True)[1] if m.method and m.method!="ACK" else True)
    def mutate(b):
        b=bytearray(b)
        for _ in range(R.choice([0,1,1,2,3,8])):
            op=R.randrange(6); i=R.randrange(len(b)) if b else 0
            if op==0 and b: b[i]=R.randrange(256)
            elif op==1: b[i:i]=bytes([R.choice(b'\0\r\n ;,<>"@:=?%\xff\x80()[]')])*R.choice([1,1,1,50])
            elif op==2: del b[i:i+R.choice([1,2,5,30])]
            elif op==3: j=R.randrange(len(b)+1); b[i:i]=b[min(i,j):max(i,j)][:200]
            elif op==4:
                lines=bytes(b).split(b"\r\n"); k=R.randrange(len(lines)); 
                l=R.choice([lines[k]+b"\r\n"+lines[k], b"", lines[k][::-1], R.choice(lines)]); lines[k]=l; b=bytearray(b"\r\n".join(lines))
            elif op==5:
                toks=[b"99999999999999999999",b"-1",b"0",b"sip:",b"tel:+1",b"sip:[::1]",b"<>",b"%00",b"multipart/mixed;boundary=x",b"c=IN IP4 0.0.0.0\r\n",b"m=audio 0 RTP/AVP 0\r\n",b"a=rtpmap:0 "+b"x"*300, b"a=inactive\r\n", b"m=audio 1/9 RTP/SAVP 0 1 2 3 300 -4\r\n"]
                b[i:i]=R.choice(toks)
        return bytes(b)
    live=[]; t0=time.monotonic(); n=0
    while time.monotonic()-t0 < float(os.environ.get("SECS","20")):
        if len(live)<4 and R.random()<.3:
            try:
                c=cust.invite(node); c.remote0=c.remote; time.sleep(.004)
                with cust.cond:
                    m=[x for d,x in cust.seen[-12:] if d=="<" and x.status==200 and x.call_id==c.call_id]
                if m: c.remote=m[0].get("to"); c.target=m[0].contact; c.ack(); live.append(c)
            except Exception as e: print(e)
        if live:
            c=R.choice(live)
            k=R.randrange(8)
            if k==0: m=c.build("INVITE", cust.sdp(version=n))
            elif k==1: m=c.build("MESSAGE","ping",ctype="text/plain")
            elif k==2: m=c.build("NOTIFY","SIP/2.0 200 OK\r\n",ctype="message/sipfrag",headers=[("Event","refer"),("Subscription-State","terminated")])
            elif k==3: m=c.build("INFO","Signal=5\r\n",ctype="application/dtmf-relay")
            elif k==4: m=c.build("UPDATE",cust.sdp(version=n))
            elif k==5: m=c.build("BYE"); 
            elif k==6: m=cust.build("INVITE","sip:100@%s:%d"%node.sip,node,body=cust.sdp(),headers=[("X-A","b"),("Record-Route","<sip:1.2.3.4;lr>")])
            else: m=c.build(R.choice(["OPTIONS","REFER","PRACK","CANCEL","ACK","DANCE","SUBSCRIBE"]))
            cust._raw(mutate(m.bytes()), node.sip); n+=1
            if R.random()<.02:
                try:
                    node.call("call.switch", call=R.choice(node.call("call.list")["calls"])["call"], phoneNumber="1", method=R.choice(["refer","bridge","auto"]), continueCall=R.random()<.5, timeout=1)
                except Exception as e: pass
            if R.random()<.1 : 
                with cust.cond: pool=[x for d,x in (cust.seen[-50:]+agent.seen[-50:]) if d==">" and x.status]
                if pool: R.choice([cust,agent])._raw(mutate(R.choice(pool).bytes()), node.sip)
            if R.random()<.01: live.remove(c)
            if n%200==0:
                assert node.process.poll() is None, node.log()[-3000:]
                time.sleep(.01)
                with cust.cond: del cust.seen[:-200]; cust.copies.clear()
                with agent.cond: del agent.seen[:-200]
                cust.ladder.rows.clear()
    print("sent", n)
    try: node.rpc.timeout=3; node.call("node.info")
    except AssertionError:
        import subprocess; print(open("/proc/%d/stat"%node.process.pid).read()); print(subprocess.run(["gdb","-p",str(node.process.pid),"-batch","-ex","bt 30","-ex","info threads"],capture_output=True,text=True).stdout[-6000:]); raise
    for c in node.call("call.list")["calls"]: 
        try: node.call("call.hangup", call=c["call"])
        except Exception: pass
    until(lambda: node.live_calls()==0, "left", 15)
    node.past_invites=1<<30
    print(node.stats())
    world.shared.clear()
    node.check_events=lambda:0
    cust.drop_all(); agent.drop_all()
