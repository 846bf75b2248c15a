
* n-channel transistor: drain, floating gate, source; bulk at ground
.subckt nfet d g s w=1 kf=1
B1 d s I=pisn*{w}*grow(0)*(fi((pkappa*{kf}*(V(g)-vtn(0))-V(s))/ut(0))
+ -fi((pkappa*{kf}*(V(g)-vtn(0))-V(d))/ut(0)))*chl(V(d)-V(s))
.ends nfet

* p-channel transistor: drain, gate, source; bulk at its source
.subckt pfet d g s w=1
B1 s d I=pisp*{w}*grow(0)*(fi(pkappa*(V(s)-V(g)-vtp(0))/ut(0))
+ -fi((pkappa*(V(s)-V(g)-vtp(0))-V(s)+V(d))/ut(0)))*chl(V(s)-V(d))
.ends pfet

* tail: an n-channel transistor whose charge makes it carry ib at 27 C with pvbal on its drain
.subckt tail s ib=1n
B1 s 0 I=pisn*pwtail*grow(0)*(fi(@X@)-fi(@X@-V(s)/ut(0)))*chl(V(s))/chl(pvbal)
.ends tail

* floating gate: C_in/C_T = d, Q/C_T = pvcm - d vm
.subckt fgate in g vm=0 d=1 mid=0
B1 g 0 V={d}*V(in)+pvcm-{d}*@VM@
.ends fgate

* differential pair: input, wires of its two currents
.subckt pair in p m vm=0 ib=1n d=1 kf=1 mid=0
Xg in g1 fgate vm={vm} d={d} mid={mid}
V2 g2 0 {pvcm}
X1 p g1 s nfet w={pwpair} kf={kf}
X2 m g2 s nfet w={pwpair} kf={kf}
Xt s tail ib={ib}
.ends pair

* bump circuit: input, wire of the middle current; the outer currents go to a supply of their own.
* R1 and the starting voltages only help the solver where all transistors of the middle are off.
.subckt bump in p vm=0 ib=1n d=1 kf=1 mid=0
Xg in g1 fgate vm={vm} d={d} mid={mid}
V2 g2 0 {pvcm}
Vd dd 0 {pvdrain}
X1 dd g1 s nfet w={pwpair} kf={kf}
X2 dd g2 s nfet w={pwpair} kf={kf}
R1 c s 1e14
.nodeset v(s)=0.6 v(c)=0.65
X3 c g1 s nfet w={pwpair*psbump} kf={kf}
X4 p g2 c nfet w={pwpair*psbump} kf={kf}
Xt s tail ib={ib}
.ends bump

* constant current out of a wire
.subckt constant p ib=1n
B1 p 0 I=pisn*pwtail*grow(0)*fi(@X@)
.ends constant

* two wires into one signal: cascodes hold them, a mirror turns the current of the plus wire; V(i) is 1 V for 1 uA
.subckt wires p m i
Vp hp p 0
Vh hp 0 {pvdrain}
Vm hm m 0
Vk hm 0 {pvdrain}
Vs vdd 0 {pvdd}
F1 g 0 Vp 1
I1 g 0 {pleak}
X1 g g vdd pfet w={pwmirror}
X2 o g vdd pfet w={pwmirror}
Vo o 0 {pvout}
B1 i 0 V=1e6*(I(Vo)-pleak-I(Vm))
.ends wires

* translinear multiplier with two-input floating gates, one half each; a, b and o are 1 V for 1 uA.
* R1 to R3 and the starting voltages only help the solver on its way.
.subckt multiplier a b o
B1 0 ga I=pfloor+pcut*soft((1e-6*V(a)+pzero)/pcut)
B2 0 gb I=pfloor+pcut*soft((1e-6*V(b)+pzero)/pcut)
I3 0 gr {pzero}
R1 ga 0 1e14
R2 gb 0 1e14
R3 gr 0 1e14
.nodeset v(ga)=0.2 v(gb)=0.2 v(gr)=0.2
B4 ga 0 I=pisn*pwmult*grow(0)*fi(pkappa*(0.5*(V(ga)+V(gr))-vtn(0))/ut(0))
B5 gb 0 I=pisn*pwmult*grow(0)*fi(pkappa*(0.5*(V(gb)+V(gr))-vtn(0))/ut(0))
B6 gr 0 I=pisn*pwmult*grow(0)*fi(pkappa*(V(gr)-vtn(0))/ut(0))
B7 o 0 V=1e6*(pisn*pwmult*grow(0)*fi(pkappa*(0.5*(V(ga)+V(gb))-vtn(0))/ut(0))
+ -2*pfloor-pcut*(soft((1e-6*V(a)+pzero)/pcut)+soft((1e-6*V(b)+pzero)/pcut))+pzero)
.ends multiplier
